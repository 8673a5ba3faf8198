#include "credentials.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "credential_helper.h"

/* Wipes what nobody needs any more; explicit_bzero is not left out by the compiler. */
static void forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void credentials_clear(struct credentials *c)
{
	free(c->user);
	forget(&c->password);
	forget(&c->token);
	forget(&c->registry_token);
	c->user = NULL;
}

char *credentials_host(const char *server)
{
	const char *rest = str_after(server, "https://");
	if (!rest)
		rest = str_after(server, "http://");
	if (!rest)
		rest = server;
	return xstrndup(rest, strcspn(rest, "/"));
}

const char *credentials_helper(const struct config_file *c, const char *server)
{
	const json_t *one = json_object_get(json_object_get(c->json, "credHelpers"), server);
	const char *name = json_string_value(one ? one : json_object_get(c->json, "credsStore"));
	return str_empty(name) ? NULL : name;
}

/* ---- config.json itself ---- */

/* The entry under @server's own name, else one whose host is @server. */
static const json_t *entry_of(const struct config_file *c, const char *server)
{
	const json_t *auths = json_object_get(c->json, "auths");
	const json_t *entry = json_object_get(auths, server);
	const char *key;
	json_t *value;
	if (entry)
		return entry;
	json_object_foreach((json_t *)auths, key, value)
	{
		auto_free char *host = credentials_host(key);
		if (str_eq(host, server))
			return value;
	}
	return NULL;
}

/* "auth" is base64 of user:password. */
static int split_auth(
	const char *auth, const char *server, struct credentials *out, struct err **err)
{
	auto_buf plain = BUF_INIT;
	if (str_empty(auth))
		return 0;
	char *colon = base64_decode(auth, strlen(auth), &plain) == 0 ? strchr(buf_str(&plain), ':')
								     : NULL;
	if (!colon)
		return err_set(err, ERR_INVALID,
			"config.json: auths.%s.auth is not base64 of USER:PASSWORD", server);
	*colon = 0;
	str_replace(&out->user, plain.data);
	str_replace(&out->password, colon + 1);
	explicit_bzero(plain.data, plain.len);
	return 0;
}

static int file_get(
	const struct config_file *c, const char *server, struct credentials *out, struct err **err)
{
	const json_t *entry = entry_of(c, server);
	const char *auth = NULL, *user = NULL, *password = NULL, *token = NULL, *registry = NULL;
	if (json_get_str(entry, "auth", &auth, "config.json: auths", err) < 0 ||
		json_get_str(entry, "username", &user, "config.json: auths", err) < 0 ||
		json_get_str(entry, "password", &password, "config.json: auths", err) < 0 ||
		json_get_str(entry, "identitytoken", &token, "config.json: auths", err) < 0 ||
		json_get_str(entry, "registrytoken", &registry, "config.json: auths", err) < 0)
		return -1;
	str_replace(&out->user, user ? user : "");
	str_replace(&out->password, password ? password : "");
	str_replace(&out->token, token ? token : "");
	str_replace(&out->registry_token, registry ? registry : "");
	return split_auth(auth, server, out, err);
}

static json_t *auths_of(struct config_file *c)
{
	json_t *auths = json_object_get(c->json, "auths");
	if (!json_is_object(auths)) {
		auths = json_object();
		json_put(c->json, "auths", auths);
	}
	return auths;
}

/* @cred NULL: an entry that only says that a helper has more. */
static int file_store(
	struct config_file *c, const char *server, const struct credentials *cred, struct err **err)
{
	json_t *entry = json_object();
	json_put(auths_of(c), server, entry);
	if (cred && (*cred->user || *cred->password)) {
		auto_buf plain = BUF_INIT, text = BUF_INIT;
		buf_addf(&plain, "%s:%s", cred->user, cred->password);
		base64_encode(plain.data, plain.len, false, &text);
		explicit_bzero(plain.data, plain.len);
		json_put_str(entry, "auth", text.data);
	}
	if (cred && *cred->token)
		json_put_str(entry, "identitytoken", cred->token);
	if (cred && *cred->registry_token)
		json_put_str(entry, "registrytoken", cred->registry_token);
	return config_file_save(c, err);
}

static int file_erase(struct config_file *c, const char *server, struct err **err)
{
	json_t *auths = json_object_get(c->json, "auths");
	if (!json_object_get(auths, server))
		return 0;
	json_object_del(auths, server);
	return config_file_save(c, err);
}

/* ---- with a helper or without ---- */

int credentials_get(
	const struct config_file *c, const char *server, struct credentials *out, struct err **err)
{
	const char *helper = credentials_helper(c, server);
	*out = (struct credentials){xstrdup(""), xstrdup(""), xstrdup(""), xstrdup("")};
	if (!helper)
		return file_get(c, server, out, err);
	char *user, *secret;
	if (helper_get(helper, server, &user, &secret, err) < 0)
		return -1;
	if (!user)
		return 0;
	bool token = str_eq(user, HELPER_TOKEN_USER);
	char **where = token ? &out->token : &out->password;
	free(*where);
	*where = secret;
	if (!token)
		str_replace(&out->user, user);
	free(user);
	return 0;
}

int credentials_store(
	struct config_file *c, const char *server, const struct credentials *cred, struct err **err)
{
	const char *helper = credentials_helper(c, server);
	if (!helper)
		return file_store(c, server, cred, err);
	bool token = *cred->token;
	if (helper_store(helper, server, token ? HELPER_TOKEN_USER : cred->user,
		    token ? cred->token : cred->password, err) < 0)
		return -1;
	return file_store(c, server, NULL, err);
}

int credentials_erase(struct config_file *c, const char *server, struct err **err)
{
	const char *helper = credentials_helper(c, server);
	if (helper && helper_erase(helper, server, err) < 0)
		return -1;
	return file_erase(c, server, err);
}

static void add_servers_of(const char *helper, char ***all)
{
	auto_strv servers = NULL;
	if (str_empty(helper) || helper_list(helper, &servers, NULL) < 0)
		return;
	for (size_t i = 0; servers && servers[i]; i++)
		if (strv_index(*all, servers[i]) < 0)
			strv_add(all, servers[i]);
}

char **credentials_list(const struct config_file *c)
{
	char **all = NULL;
	const char *key;
	json_t *value;
	json_object_foreach(json_object_get(c->json, "auths"), key, value) strv_add(&all, key);
	json_object_foreach(json_object_get(c->json, "credHelpers"), key, value)
	{
		if (strv_index(all, key) < 0)
			strv_add(&all, key);
	}
	add_servers_of(json_string_value(json_object_get(c->json, "credsStore")), &all);
	return all;
}

/* ---- for the daemon ---- */

char *credentials_server_of(const struct reference *ref)
{
	bool hub = str_eq(ref->domain, "docker.io");
	return xstrdup(hub ? CREDENTIALS_HUB : ref->domain);
}

static void put_some(json_t *j, const char *key, const char *value)
{
	if (!str_empty(value))
		json_put_str(j, key, value);
}

json_t *credentials_json(const struct credentials *c, const char *server)
{
	json_t *j = json_object();
	put_some(j, "username", c->user);
	put_some(j, "password", c->password);
	put_some(j, "serveraddress", server);
	put_some(j, "identitytoken", c->token);
	put_some(j, "registrytoken", c->registry_token);
	return j;
}

char *credentials_header(const char *server)
{
	auto_config_file c = {0};
	auto_credentials cred = {0};
	auto_err *err = NULL;
	auto_buf text = BUF_INIT;
	struct buf out = BUF_INIT;
	auto_json *j = NULL;
	if (config_file_open(&c, &err) < 0 || credentials_get(&c, server, &cred, &err) < 0) {
		fprintf(stderr, "WARNING: no credentials for %s: %s\n", server, err_msg(err));
		j = json_object();
	} else {
		j = credentials_json(&cred, server);
		if (json_object_size(j) == 1) /* nothing but the server */
			json_object_clear(j);
	}
	json_write(j, &text);
	base64_encode(text.data, text.len, true, &out);
	explicit_bzero(text.data, text.len);
	return buf_steal(&out);
}
