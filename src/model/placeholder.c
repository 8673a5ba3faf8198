int kist_model_layer_placeholder(void);
int kist_model_layer_placeholder(void) { return 0; }
