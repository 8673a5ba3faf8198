int kist_api_layer_placeholder(void);
int kist_api_layer_placeholder(void) { return 0; }
