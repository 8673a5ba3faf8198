int kist_oci_layer_placeholder(void);
int kist_oci_layer_placeholder(void) { return 0; }
