/* Text forms of addresses. */
#include <arpa/inet.h>
#include <stdio.h>

#include "net/net.h"

char *net_mac_text(const uint8_t mac[6], char out[NET_MAC_TEXT])
{
	snprintf(out, NET_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int net_mac_parse(const char *text, uint8_t mac[6])
{
	char sep = 0;
	for (int i = 0; i < 6; i++) {
		if (i > 0) {
			if (i == 1)
				sep = *text;
			if ((sep != ':' && sep != '-') || *text != sep)
				return -1;
			text++;
		}
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return -1;
		mac[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	return *text ? -1 : 0;
}

char *net_addr_text(struct in_addr addr, char *out)
{
	inet_ntop(AF_INET, &addr, out, INET_ADDRSTRLEN);
	return out;
}

int net_addr_parse(const char *text, struct in_addr *out)
{
	return text && inet_pton(AF_INET, text, out) == 1 ? 0 : -1;
}
