#ifndef SERVICES_TOKEN_SERVICE_WEB_PAGE_H
#define SERVICES_TOKEN_SERVICE_WEB_PAGE_H

#include "common/httpd/httpd.h"
#include "services/token-service/web/page_text.h"

/* One HTML page of ours: nothing from elsewhere, styles and scripts only under the page's own nonce, and
 * whatever comes from outside escaped. */
struct page {
	struct buf html;
	enum lang lang;
	char nonce[33];
};

enum page_icon { ICON_LINK, ICON_DONE, ICON_WAIT, ICON_STOP };

/* Up to and with the headline. other_lang_href: this page in the other language; NULL: no such link. */
void page_begin(
	struct page *p, enum lang lang, enum page_icon icon, enum text title, const char *other_lang_href);
void page_raw(struct page *p, const char *html);                    /* our own markup */
void page_escaped(struct page *p, const char *text);                /* anything: in text and in attributes */
void page_say(struct page *p, const char *element, enum text text); /* <element>text</element> */
void page_button(struct page *p, const char *href, const char *text);  /* a link that looks like one */
void page_send(struct page *p, struct httpd_request *req, int status); /* and release */

/* The one page for every refusal. */
void page_refuse(struct httpd_request *req, enum lang lang, int status);

/* The headers of every answer of the public port. */
#define PAGE_SAFE_HEADERS 4
extern const struct httpd_header page_safe_headers[PAGE_SAFE_HEADERS];

#endif
