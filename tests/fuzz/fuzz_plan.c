/* Plans and process plans as a broken daemon might send them: decoded or refused, and re-encodable.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "runtime/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan *plan = NULL;
	struct plan_process *process = NULL;
	auto_buf again = BUF_INIT;
	if (plan_decode(&plan, data, size, NULL) == 0)
		plan_encode(plan, &again);
	if (plan_process_decode(&process, data, size, NULL) == 0)
		plan_process_encode(process, &again);
	plan_free(plan);
	plan_process_free(process);
	return 0;
}
