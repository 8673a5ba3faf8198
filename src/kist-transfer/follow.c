/*
 * Theory of operation.
 *
 * The store downloads a blob into a file and says how much of it is there (GROWN); this program reads up to that
 * point and then waits for the next message: the control socket is the only thing it ever waits for, so that nothing
 * is polled and nothing of the store's has to be locked. One layer is in work at a time; the next BLOB comes when the
 * store has heard of the last one's end.
 *
 * What the file says is believed as little as what an archive says: it is hashed on the way in and, inflated, once
 * more (pipeline.c). If it cannot be inflated or unpacked, the rest of the file is awaited and hashed too: only if the blob
 * is what it was announced to be, its maker is to blame; else it was damaged on the way, and the store may ask
 * for it once more. Where more than a limit of the whole run allows would come out, nothing is awaited, and nobody knows
 * whose bytes they were. What is refused counts for nothing afterwards: the same blob may come once more.
 */
#include "follow.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "layer.h"
#include "report.h"

#define MESSAGE_ROOM 1024

/** The file that is followed. */
struct followed {
	struct source s;
	struct run *run;
	int fd;
	uint32_t index;
	uint64_t at, told, total;
	bool abandoned;
};

/* One message of the store. BLOB: its descriptor is in *fd. */
static int receive(struct transfer_message *m, char room[MESSAGE_ROOM], int *fd, struct err **err)
{
	int fds[FD_PASS_MAX];
	size_t nfds = ARRAY_LEN(fds);
	ssize_t n = fd_recv(TRANSFER_FD_CONTROL, room, MESSAGE_ROOM, fds, &nfds);
	if (n <= 0)
		_exit(0); /* the pull is over, or the store is gone */
	int r = transfer_decode(room, (size_t)n, m, err);
	size_t want = r == 0 && m->kind == TRANSFER_BLOB;
	if (r == 0 && nfds != want)
		r = err_set(err, ERR_INVALID, "kist-transfer: a message without its descriptor");
	for (size_t i = r == 0 ? want : 0; i < nfds; i++)
		close(fds[i]);
	if (r == 0 && want)
		*fd = fds[0];
	return r;
}

/* The store says something about this file. */
static int followed_hear(struct source *s, struct err **err)
{
	struct followed *f = (struct followed *)s;
	char room[MESSAGE_ROOM];
	struct transfer_message m;
	int fd = -1;
	if (receive(&m, room, &fd, err) < 0)
		return -1;
	if (m.index != f->index) {
		fd_close(fd);
		return 0; /* about a layer that is done */
	}
	switch (m.kind) {
	case TRANSFER_GROWN:
		f->told = m.size < f->total ? m.size : f->total;
		return 0;
	case TRANSFER_ABANDON:
		f->abandoned = true;
		return err_set(err, ERR_CANCELLED, "the download begins anew");
	default:
		fd_close(fd);
		return err_set(err, ERR_SYSTEM, "kist-transfer: an unexpected message");
	}
}

static ssize_t followed_read(struct source *s, void *p, size_t n, struct err **err)
{
	struct followed *f = (struct followed *)s;
	if (f->at == f->total)
		return 0;
	if (f->at == f->told)
		return SOURCE_WAIT;
	size_t most = f->told - f->at < n ? f->told - f->at : n;
	ssize_t r;
	do
		r = pread(f->fd, p, most, (off_t)f->at);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(err, errno, "read a layer");
	if (r == 0)
		return err_set(err, ERR_INVALID, "the file of a layer has become shorter");
	f->at += (uint64_t)r;
	f->run->in += (uint64_t)r;
	return r;
}

/* Of a blob that is refused. */
enum fault {
	FAULT_UNKNOWN, /* nobody has checked the digest, or it is not the blob's own fault */
	FAULT_DAMAGED, /* it is not what its digest says */
	FAULT_OWN, /* it is */
};

/* Names the layer, as far as @why does not. */
static void report_bad(const struct followed *f, const struct transfer_message *want,
	enum fault fault, const struct err *why)
{
	bool named = strstr(err_msg(why), want->blob.str);
	auto_free char *whole = named ? xstrdup(err_msg(why))
				      : xasprintf("layer %s: %s", want->blob.str, err_msg(why));
	/* it may quote the layer: bounded, a record must fit into a packet */
	auto_free char *text = xstrndup(whole, 8192);
	struct transfer_message m = {
		.kind = TRANSFER_BAD,
		.index = f->index,
		.damaged = fault == FAULT_DAMAGED,
		.verified = fault == FAULT_OWN,
		.err_kind = (uint8_t)why->kind,
		.sys = why->sys,
		.text = text,
	};
	report_send(&m);
}

static int other_digest(
	const struct transfer_message *want, const struct digest *actual, struct err **err)
{
	return err_set(err, ERR_INVALID,
		"filesystem layer verification failed for digest %s: what came has the digest %s",
		want->blob.str, actual->str);
}

/* Says why the layer cannot be used: @why, unless the blob itself is not what it should be. */
static void refuse(const struct followed *f, const struct transfer_message *want,
	const struct layer *layer, const struct err *why)
{
	auto_err *bad = NULL;
	bool hashed = *layer->blob.str;
	if (hashed && !str_eq(layer->blob.str, want->blob.str)) {
		other_digest(want, &layer->blob, &bad);
		report_bad(f, want, FAULT_DAMAGED, bad);
		return;
	}
	/* other kinds are this machine's trouble, or a bound for all layers together */
	bool own = why->kind == ERR_INVALID || layer->limited;
	if (hashed)
		report_bad(f, want, own ? FAULT_OWN : FAULT_UNKNOWN, why);
	else /* it could not even be read */
		report_bad(f, want, own ? FAULT_DAMAGED : FAULT_UNKNOWN, why);
}

static int check(const struct transfer_message *want, const struct layer *layer, enum fault *fault,
	struct err **err)
{
	*fault = FAULT_DAMAGED;
	if (!str_eq(layer->blob.str, want->blob.str))
		return other_digest(want, &layer->blob, err);
	*fault = FAULT_OWN;
	if (!str_eq(layer->diff_id.str, want->diff_id.str))
		return err_set(err, ERR_INVALID,
			"layer %s does not match the image's configuration: its diffID is %s, "
			"expected %s",
			want->blob.str, layer->diff_id.str, want->diff_id.str);
	return 0;
}

/* As if it had never come. What cannot be removed here, the store removes at the end. */
static void take_back(struct run *run, const struct run *before, uint32_t index)
{
	static const char *const kinds[] = {"layer", "recipe"};
	char name[32];
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		snprintf(name, sizeof(name), "%s.%u", kinds[i], index);
		(void)tree_remove(run->root, name, NULL);
	}
	*run = *before;
}

static void take_blob(const struct pipeline_spec *spec, const struct transfer_message *want, int fd)
{
	struct followed f = {
		.s = {followed_read, TRANSFER_FD_CONTROL, followed_hear},
		.run = spec->run,
		.fd = fd,
		.index = want->index,
		.total = want->blob_size,
	};
	struct layer layer = {
		.name = want->blob.str,
		.index = want->index,
		.unpack = !want->known,
		.total = want->blob_size,
	};
	const struct run before = *spec->run;
	auto_err *bad = NULL;
	enum fault fault;
	bool staged = pipeline_stage(spec, &layer, &f.s, &bad) == 0;
	if (staged && check(want, &layer, &fault, &bad) == 0) {
		layer_report(&layer);
		return;
	}
	/* before the store, which may send it once more, looks at what is free */
	take_back(spec->run, &before, want->index);
	if (staged)
		report_bad(&f, want, fault, bad);
	else if (!f.abandoned)
		refuse(&f, want, &layer, bad);
}

int follow_layers(const struct pipeline_spec *spec, struct err **err)
{
	for (;;) {
		char room[MESSAGE_ROOM];
		struct transfer_message m;
		auto_fd int fd = -1;
		if (receive(&m, room, &fd, err) < 0)
			return -1;
		/* what else comes is about a layer that is done */
		if (m.kind == TRANSFER_BLOB)
			take_blob(spec, &m, fd);
	}
}
