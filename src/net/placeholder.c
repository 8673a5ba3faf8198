int kist_net_layer_placeholder(void);
int kist_net_layer_placeholder(void) { return 0; }
