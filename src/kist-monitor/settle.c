#include "settle.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>

/* Only segments that are never written: a private page that has been written would be lost. */
static int drop_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
	const uintptr_t page = 4095;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		if (ph->p_type != PT_LOAD || ph->p_flags & PF_W)
			continue;
		uintptr_t start = (info->dlpi_addr + ph->p_vaddr) & ~page;
		uintptr_t end = (info->dlpi_addr + ph->p_vaddr + ph->p_memsz) & ~page;
		if (end > start)
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void settle(void)
{
	malloc_trim(0);
	dl_iterate_phdr(drop_segments, NULL);
}
