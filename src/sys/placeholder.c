int kist_sys_layer_placeholder(void);
int kist_sys_layer_placeholder(void) { return 0; }
