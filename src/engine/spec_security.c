/* --security-opt: "no-new-privileges[=bool]", "seccomp=...", "apparmor=...", "label=...", "systempaths=...". */
#include "spec.h"

static int bad_option(const char *opt, struct err **err)
{
	return err_set(err, ERR_INVALID, "invalid --security-opt 2: \"%s\"", opt);
}

static int set_seccomp(struct spec_security *s, const char *value)
{
	s->seccomp_unconfined = str_eq(value, "unconfined");
	s->seccomp = s->seccomp_unconfined || str_eq(value, "builtin") ? NULL : value;
	return 0;
}

static int set_option(struct spec_security *s, const char *key, const char *value, const char *opt,
	struct err **err)
{
	if (str_eq(key, "seccomp"))
		return set_seccomp(s, value);
	if (str_eq(key, "no-new-privileges")) {
		if (str_to_bool(value, &s->no_new_privileges))
			return bad_option(opt, err);
		return 0;
	}
	if (str_eq(key, "apparmor")) {
		if (str_eq(value, "unconfined") || str_empty(value))
			return 0;
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"AppArmor profiles are not implemented (security option \"%s\")", opt);
	}
	if (str_eq(key, "label")) {
		if (str_eq(value, "disable"))
			return 0;
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"SELinux labels are not implemented (security option \"%s\")", opt);
	}
	if (str_eq(key, "systempaths") && str_eq(value, "unconfined")) {
		s->systempaths_unconfined = true;
		return 0;
	}
	return bad_option(opt, err);
}

int spec_security(struct spec_security *out, const struct host_config *host, struct err **err)
{
	*out = (struct spec_security){0};
	for (size_t i = 0; host->security_opt && host->security_opt[i]; i++) {
		const char *opt = host->security_opt[i];
		if (str_eq(opt, "no-new-privileges")) {
			out->no_new_privileges = true;
			continue;
		}
		if (str_eq(opt, "disable")) /* old spelling of label=disable */
			continue;
		const char *sep = strchr(opt, '=');
		if (!sep)
			sep = strchr(opt, ':'); /* Docker's old separator */
		if (!sep)
			return err_set(err, ERR_INVALID, "invalid --security-opt 1: \"%s\"", opt);
		auto_free char *key = xstrndup(opt, (size_t)(sep - opt));
		if (set_option(out, key, sep + 1, opt, err))
			return -1;
	}
	if (host->privileged)
		out->seccomp_unconfined = !out->seccomp;
	return 0;
}
