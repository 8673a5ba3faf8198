#include "table.h"

#include <arpa/inet.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "elements.h"

/* %T table, %B bridge, %S subnet. The order of rules within a chain matters; docs/network.md tells
 * what each of them is for and which packet goes where. */
static const char chains[] =
	"add table ip %T\n"
	"add map ip %T " MAP_ANY
	" { type inet_proto . inet_service : ipv4_addr . inet_service ; }\n"
	"add map ip %T " MAP_ONE
	" { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service ; }\n"
	"add chain ip %T guard { type filter hook prerouting priority -300 ; policy accept ; }\n"
	"add chain ip %T publish { type nat hook prerouting priority -100 ; policy accept ; }\n"
	"add chain ip %T publish-local { type nat hook output priority -100 ; policy accept ; }\n"
	"add chain ip %T source { type nat hook postrouting priority 100 ; policy accept ; }\n"
	"add chain ip %T forward { type filter hook forward priority 0 ; policy accept ; }\n"
	"flush chain ip %T guard\n"
	"flush chain ip %T publish\n"
	"flush chain ip %T publish-local\n"
	"flush chain ip %T source\n"
	"flush chain ip %T forward\n"
	/* 127/8 never travels: neither to ports published on loopback (CVE-2025-54388) nor, now that
	 * route_localnet is on, from a container to services of the host (as CVE-2020-8558). */
	"add rule ip %T guard iifname != \"lo\" ip daddr 127.0.0.0/8 drop\n"
	"add rule ip %T guard iifname \"%B\" ip saddr 127.0.0.0/8 drop\n"
	"add rule ip %T publish fib daddr type != local return\n"
	"add rule ip %T publish dnat ip to ip daddr . meta l4proto . th dport map @" MAP_ONE "\n"
	"add rule ip %T publish dnat ip to meta l4proto . th dport map @" MAP_ANY "\n"
	"add rule ip %T publish-local fib daddr type != local return\n"
	"add rule ip %T publish-local dnat ip to ip daddr . meta l4proto . th dport map @" MAP_ONE
	"\n"
	"add rule ip %T publish-local dnat ip to meta l4proto . th dport map @" MAP_ANY "\n"
	"add rule ip %T source oifname \"%B\" ip saddr 127.0.0.0/8 masquerade\n"
	"add rule ip %T source oifname \"%B\" ip saddr %S ct status dnat masquerade\n"
	"add rule ip %T forward oifname != \"%B\" return\n"
	"add rule ip %T forward iifname \"%B\" return\n"
	"add rule ip %T forward ct state established,related accept\n"
	"add rule ip %T forward ct status dnat accept\n"
	"add rule ip %T forward drop\n";

static const char hide_source[] =
	"add rule ip %T source oifname != \"%B\" ip saddr %S masquerade\n";

static void expand(struct buf *out, const char *text, const struct net_info *info)
{
	char addr[INET_ADDRSTRLEN];
	for (; *text; text++) {
		if (*text != '%') {
			buf_addc(out, *text);
			continue;
		}
		switch (*++text) {
		case 'T':
			buf_adds(out, info->table);
			break;
		case 'B':
			buf_adds(out, info->bridge);
			break;
		case 'S':
			buf_addf(out, "%s/%u", net_addr_text(info->subnet, addr), info->prefix);
			break;
		default:
			abort();
		}
	}
}

void table_script(const struct net_info *info, struct buf *out)
{
	expand(out, chains, info);
	if (info->ip_masq)
		expand(out, hide_source, info);
}

static const char *find_nft(void)
{
	static const char *const places[] = {
		"/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft"};
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static int run_nft(const struct buf *script, struct err **err)
{
	auto_buf out = BUF_INIT, errout = BUF_INIT;
	const char *path = find_nft();
	char *argv[] = {(char[]){"nft"}, (char[]){"-f"}, (char[]){"-"}, NULL};
	struct proc_spec spec = {.path = path, .argv = argv, .die_with_parent = false};

	if (!path)
		return err_set(err, ERR_UNAVAILABLE,
			"the program nft is not installed (package nftables)");
	int status = proc_run(&spec, script->data, script->len, 16384, &out, &errout, err);
	if (status < 0)
		return err_wrap(err, "run nft");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	/* The first line says it; the rest points at columns of the script. */
	if (errout.len)
		errout.data[strcspn(errout.data, "\n")] = '\0';
	return err_set(err, ERR_SYSTEM, "nft failed: %s", errout.len ? errout.data : "no message");
}

int table_load(const struct net_info *info, struct err **err)
{
	auto_buf script = BUF_INIT, again = BUF_INIT;
	auto_err *why = NULL;

	table_script(info, &script);
	if (run_nft(&script, &why) == 0)
		return 0;
	if (why->kind == ERR_UNAVAILABLE)
		return err_move(err, &why);
	/* Adding before deleting makes the deletion succeed in any case; it is one transaction. */
	log_warn(
		"packet filter table %s does not fit, replacing it: %s", info->table, err_msg(why));
	expand(&again, "add table ip %T\ndelete table ip %T\n", info);
	buf_add(&again, script.data, script.len);
	if (run_nft(&again, err) < 0)
		return err_wrap(err, "load packet filter table %s", info->table);
	return 0;
}

int table_remove(const struct net_info *info, struct err **err)
{
	auto_buf script = BUF_INIT;
	expand(&script, "add table ip %T\ndelete table ip %T\n", info);
	if (run_nft(&script, err) < 0)
		return err_wrap(err, "remove packet filter table %s", info->table);
	return 0;
}
