int kist_store_layer_placeholder(void);
int kist_store_layer_placeholder(void) { return 0; }
