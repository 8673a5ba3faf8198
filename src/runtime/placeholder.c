int kist_runtime_layer_placeholder(void);
int kist_runtime_layer_placeholder(void) { return 0; }
