#include "resctrl.h"

#include "runtime/rdt.h"

int resctrl_foresee(struct state *s, const struct plan_rdt *rdt, struct err **err)
{
	if (!rdt->clos)
		return 0;
	auto_fd int root = rdt_open(err);
	if (root < 0)
		return -1;
	s->rdt_class = rdt_makes_class(root, rdt);
	return 0;
}

int resctrl_update(struct state *s, const char *l3, const char *mb, struct err **err)
{
	if (str_empty(l3) && str_empty(mb))
		return 0;
	auto_buf bytes = BUF_INIT;
	struct plan *plan = NULL;
	auto_fd int root = rdt_open(err);
	if (root < 0 || state_plan_load(s, &bytes, &plan, err) < 0)
		return -1;
	const struct plan_rdt own = {.clos = s->id};
	const struct plan_rdt *rdt = plan->process.rdt.clos ? &plan->process.rdt : &own;
	int r = 0;
	if (!plan->process.rdt.clos && !s->rdt_class) {
		/* on record first: whoever comes after us if we are killed removes it */
		s->rdt_class = rdt_makes_class(root, rdt);
		r = state_save(s, err);
		if (r == 0)
			r = rdt_create(root, rdt, s->pid, err);
	}
	if (r == 0)
		r = rdt_update(root, rdt->clos, l3, mb, err);
	plan_free(plan);
	return r;
}

int resctrl_remove(const struct state *s, const struct plan *plan, struct err **err)
{
	const struct plan_rdt own = {.clos = s->id};
	const struct plan_rdt *rdt = plan && plan->process.rdt.clos ? &plan->process.rdt : &own;
	if (!s->rdt_class && !rdt->monitor)
		return 0;
	/* unmounted meanwhile: everything in it is gone */
	auto_fd int root = rdt_open(NULL);
	return root < 0 ? 0 : rdt_remove(root, rdt, s->rdt_class, err);
}
