/* Flags that many commands have, with one wording. */
#ifndef KIST_CLI_FLAG_COMMON_H
#define KIST_CLI_FLAG_COMMON_H

#include "filter.h"

#define FORMAT_HELP_RAW                                                                            \
	"Format output using a custom template:\n"                                                 \
	"'json':             Print in JSON format\n"                                               \
	"'TEMPLATE':         Print output using the given Go template."
#define FORMAT_HELP_LIST                                                                           \
	"Format output using a custom template:\n"                                                 \
	"'table':            Print output in table format with column headers (default)\n"         \
	"'table TEMPLATE':   Print output in table format using the given Go template\n"           \
	"'json':             Print in JSON format\n"                                               \
	"'TEMPLATE':         Print output using the given Go template."

#define FLAG_FORMAT_RAW                                                                            \
	{                                                                                          \
		"format", 'f', FLAG_STRING, NULL, FORMAT_HELP_RAW                                  \
	}
#define FLAG_FORMAT_LIST                                                                           \
	{                                                                                          \
		"format", 0, FLAG_STRING, NULL, FORMAT_HELP_LIST                                   \
	}
#define FLAG_FILTER(text)                                                                          \
	{                                                                                          \
		"filter", 'f', FLAG_LIST, "filter", text, NULL, check_filter                       \
	}

#endif
