/*
 * Is this built with AddressSanitizer? gcc defines __SANITIZE_ADDRESS__ then; here clang, which has another way to say
 * so, gets the same name.
 */
#ifndef KIST_BASE_ASAN_H
#define KIST_BASE_ASAN_H

#if defined(__has_feature) && !defined(__SANITIZE_ADDRESS__)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#endif
