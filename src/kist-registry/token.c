#include "token.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

enum { SHORTEST = 60, LONGEST = 86400 };

/* It goes into a header: nothing that could end the line there. */
static bool fit(const char *token)
{
	size_t n = strlen(token);
	for (size_t i = 0; i < n; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return false;
	return n && n <= TOKEN_MAX;
}

int token_parse(const void *p, size_t n, struct token_reply *out, struct err **err)
{
	*out = (struct token_reply){0};
	const char *what = "the token service's answer";
	const char *token = NULL;
	const char *access = NULL;
	const char *refresh = NULL;
	int64_t seconds = 0;
	auto_json *doc = json_parse(p, n, what, err);
	if (!doc)
		return -1;
	if (!json_is_object(doc))
		return err_set(err, ERR_INVALID, "%s is not an object", what);
	if (json_get_str(doc, "token", &token, what, err) < 0 ||
		json_get_str(doc, "access_token", &access, what, err) < 0 ||
		json_get_str(doc, "refresh_token", &refresh, what, err) < 0)
		return -1;
	/* some write it as 300.0 or as "300" */
	const json_t *e = json_object_get(doc, "expires_in");
	if (json_is_number(e) && json_number_value(e) > 0 && json_number_value(e) < LONGEST)
		seconds = (int64_t)json_number_value(e);
	if (str_empty(token))
		token = access;
	if (str_empty(token))
		return err_set(err, ERR_INVALID,
			"authorization server did not include a token in the response");
	if (!fit(token) || (!str_empty(refresh) && !fit(refresh)))
		return err_set(err, ERR_INVALID, "%s: the token cannot be sent in a header", what);
	out->token = xstrdup(token);
	out->refresh = str_empty(refresh) ? NULL : xstrdup(refresh);
	out->seconds = seconds < SHORTEST ? SHORTEST : seconds;
	return 0;
}

void token_reply_free(struct token_reply *t)
{
	free(t->token);
	free(t->refresh);
	*t = (struct token_reply){0};
}
