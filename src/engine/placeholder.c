int kist_engine_layer_placeholder(void);
int kist_engine_layer_placeholder(void) { return 0; }
