/* config.json, and what credential helpers answer. The first byte chooses. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "credential_helper.h"
#include "credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void helper(const char *text, size_t n)
{
	char *user, *secret;
	if (helper_answer(text, n, "helper", &user, &secret, NULL) < 0)
		return;
	if (!user != !secret)
		abort();
	free(user);
	free(secret);
}

static void one_server(const struct config_file *c, const char *server)
{
	auto_credentials cred = {0};
	/* a helper would be run */
	if (credentials_helper(c, server) || credentials_get(c, server, &cred, NULL) < 0)
		return;
	if (!cred.user || !cred.password || !cred.token || !cred.registry_token)
		abort();
	auto_json *j = credentials_json(&cred, server);
	if (!json_object_get(j, "serveraddress"))
		abort();
}

static void config(const char *text, size_t n)
{
	auto_config_file c = {0};
	if (config_file_read(&c, "config.json", text, n, NULL) < 0)
		return;
	one_server(&c, "localhost:5000");
	one_server(&c, CREDENTIALS_HUB);
	if (!json_object_get(c.json, "credsStore"))
		strv_free(credentials_list(&c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		helper((const char *)data + 1, size - 1);
	else
		config((const char *)data + 1, size - 1);
	return 0;
}
