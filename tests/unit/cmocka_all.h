/* What cmocka.h wants before it, once. */
#ifndef KIST_TESTS_CMOCKA_ALL_H
#define KIST_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#endif
