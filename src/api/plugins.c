/* Plugins: kist has none and takes none, so that every one of them is unknown. */
#include "request.h"
#include "routes.h"

int api_plugin_inspect(struct request *req, struct err **err)
{
	return err_set(err, ERR_NOT_FOUND, "plugin \"%s\" not found", req_var(req, "name"));
}
