int kist_cli_layer_placeholder(void);
int kist_cli_layer_placeholder(void) { return 0; }
