/* What v4l2-tpg takes from the kernel, for compiling it as a program. */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;

#define __packed __attribute__((packed))
#define __user
#define noinline __attribute__((noinline))
#define noinline_for_stack noinline
#define fallthrough __attribute__((fallthrough))
#define EXPORT_SYMBOL_GPL(symbol)
#define MODULE_DESCRIPTION(text)
#define MODULE_AUTHOR(text)
#define MODULE_LICENSE(text)
#define WARN_ON_ONCE(condition) (condition)
#define pr_info printf
#define array_size(a, b) ((size_t)(a) * (b))
#define array3_size(a, b, c) ((size_t)(a) * (b) * (c))
#define vzalloc(size) calloc(1, size)
#define vfree free
#define clamp(v, low, high) ((v) < (low) ? (low) : (v) > (high) ? (high) : (v))
#define clamp_t(type, v, low, high) ((type)clamp(v, low, high))
#define max3(a, b, c) ((a) > (b) ? ((a) > (c) ? (a) : (c)) : ((b) > (c) ? (b) : (c)))
#define min3(a, b, c) ((a) < (b) ? ((a) < (c) ? (a) : (c)) : ((b) < (c) ? (b) : (c)))

/* Only noise asks for these, and noise is not compared. */
static inline u8 get_random_u8(void)
{
	return 0;
}
static inline u32 get_random_u32_below(u32 ceil)
{
	(void)ceil;
	return 0;
}
