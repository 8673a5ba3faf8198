/* Threads that nobody joins. */
#ifndef KIST_BASE_THREAD_H
#define KIST_BASE_THREAD_H

#include <stddef.h>

/**
 * Starts @fn in a detached thread with a stack of @stack bytes and every signal blocked: signals are the loop's, through
 * its signalfd. 0, or pthread_create()'s error number; @arg is then still the caller's.
 */
int thread_detached(void *(*fn)(void *arg), void *arg, size_t stack);

#endif
