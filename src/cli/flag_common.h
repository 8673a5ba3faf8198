/* Flags that many commands have, with one wording. */
#ifndef KIST_CLI_FLAG_COMMON_H
#define KIST_CLI_FLAG_COMMON_H

#include "filter.h"

#define FORMAT_HELP_RAW                                                                            \
	"How to print:\n"                                                                          \
	"'json':             JSON, all fields\n"                                                   \
	"'TEMPLATE':         By a template in the manner of Go"
#define FORMAT_HELP_LIST                                                                           \
	"How to print:\n"                                                                          \
	"'table':            Columns under headings (default)\n"                                   \
	"'table TEMPLATE':   Columns of your choice under headings\n"                              \
	"'json':             JSON, all fields\n"                                                   \
	"'TEMPLATE':         By a template in the manner of Go"

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
