#include "services/token-service/web/page.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define PAGE_MAX (128 * 1024)

/* Weixin's authorization page wants the Referer of the page with the link, at least its origin; and nobody
 * should get more than that, for our queries hold codes and signatures. */
const struct httpd_header page_safe_headers[PAGE_SAFE_HEADERS] = {
	{"Referrer-Policy", "origin"},
	{"X-Frame-Options", "DENY"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Permissions-Policy", "camera=(), microphone=(), geolocation=()"},
};

/* Every text has a contrast of 4.5:1 or more, in light and dark; the test in a browser measures it. */
static const char style[] =
	":root{--ink:#16211b;--muted:#56635b;--card:#fff;--line:#e3e9e5;--green:#087a43;--green-2:#065f34;"
	"--accent:#066a3a;--tint:#e9f6ef;--amber:#8a5a00;--amber-tint:#fdf3df;--back:#f3f6f4}"
	"@media(prefers-color-scheme:dark){:root{--ink:#eef4f0;--muted:#a9b7af;--card:#18211c;--line:#2a362f;"
	"--green:#087a43;--green-2:#0a6b3c;--accent:#5fd39a;--tint:#12301f;--amber:#f0c069;--amber-tint:#"
	"33280f;--back:#"
	"0e1511}}"
	"*{box-sizing:border-box}"
	"html{-webkit-text-size-adjust:100%}"
	"body{margin:0;min-height:100vh;display:flex;flex-direction:column;background:var(--back);color:var(-"
	"-ink);"
	"background-image:radial-gradient(60rem 30rem at 50% -12rem,var(--tint),transparent);"
	"background-repeat:no-repeat;"
	"font:16px/1.6 -apple-system,BlinkMacSystemFont,\"PingFang SC\",\"Hiragino Sans GB\",\"Segoe UI\","
	"\"Microsoft YaHei\",\"Noto Sans CJK SC\",\"WenQuanYi Micro Hei\",sans-serif}"
	"header{display:flex;justify-content:space-between;align-items:center;width:100%;max-width:64rem;"
	"margin:0 auto;"
	"padding:1.1rem 1.25rem}"
	".brand{display:flex;align-items:center;gap:.55rem;font-weight:600;letter-spacing:.01em}"
	".brand svg{width:1.5rem;height:1.5rem;color:var(--accent)}"
	"header a{color:var(--muted);text-decoration:none;padding:.6rem .8rem;margin:-.6rem "
	"-.8rem;border-radius:.5rem}"
	"header a:hover{color:var(--ink);text-decoration:underline}"
	"main{flex:1;display:flex;align-items:center;justify-content:center;padding:1rem 1rem 2.5rem}"
	".card{width:100%;max-width:29rem;background:var(--card);border:1px solid "
	"var(--line);border-radius:1.25rem;"
	"padding:2.25rem 2.25rem 1.75rem;box-shadow:0 1px 2px rgba(10,40,25,.05),0 18px 48px -18px "
	"rgba(10,40,25,.18)}"
	".icon{display:grid;place-items:center;width:3.5rem;height:3.5rem;border-radius:1rem;background:var(-"
	"-tint);"
	"color:var(--accent)}"
	".icon svg{width:1.9rem;height:1.9rem}"
	".icon.warm{background:var(--amber-tint);color:var(--amber)}"
	"h1{font-size:1.6rem;line-height:1.3;margin:1.25rem 0 .4rem;letter-spacing:-.01em;text-wrap:balance}"
	"p{margin:.5rem 0}"
	".lead{color:var(--muted);margin:0 0 1.5rem}"
	"ol{list-style:none;margin:0 0 1.75rem;padding:0;counter-reset:step}"
	"ol li{counter-increment:step;position:relative;padding:.1rem 0 1rem 2.6rem}"
	"ol li::before{content:counter(step);position:absolute;left:0;top:0;width:1.75rem;height:1.75rem;"
	"border-radius:50%;display:grid;place-items:center;font-size:.9rem;font-weight:600;background:var(--"
	"tint);"
	"color:var(--accent)}"
	"ol "
	"li:not(:last-child)::after{content:\"\";position:absolute;left:.84rem;top:2rem;bottom:.2rem;width:"
	"2px;"
	"background:var(--line)}"
	"ol li:last-child{padding-bottom:0}"
	".button{display:flex;align-items:center;justify-content:center;gap:.5rem;width:100%;min-height:3."
	"25rem;"
	"padding:.6rem 1.25rem;border:0;border-radius:.85rem;background:var(--green);color:#fff;font:inherit;"
	"font-size:1.06rem;font-weight:600;text-align:center;text-decoration:none;cursor:pointer;overflow-"
	"wrap:anywhere;"
	"transition:background .15s,transform .05s}"
	".button:hover{background:var(--green-2)}"
	".button:active{transform:translateY(1px)}"
	".button[disabled]{opacity:.65;cursor:progress}"
	".button.quiet{background:none;color:var(--ink);border:1px solid var(--line);margin-top:.75rem}"
	".button.quiet:hover{background:var(--tint)}"
	".button svg{width:1.15rem;height:1.15rem;flex:none}"
	":focus-visible{outline:3px solid var(--accent);outline-offset:3px}"
	".status{min-height:1.6rem;margin:.9rem 0 0;text-align:center;color:var(--muted)}"
	".status:empty{min-height:0;margin-top:.3rem}"
	".status a{color:inherit}"
	".warn{background:var(--amber-tint);color:var(--amber);border-radius:.75rem;padding:.7rem .9rem;"
	"margin:0 0 1.25rem}"
	".account{display:block;margin:1rem 0 1.5rem;padding:.85rem "
	"1rem;border-radius:.75rem;background:var(--tint);"
	"font-weight:600;overflow-wrap:anywhere}"
	".note{margin:1.1rem 0 0;padding-top:1.1rem;border-top:1px solid var(--line);font-size:.875rem;"
	"color:var(--muted)}"
	"[hidden]{display:none!important}"
	"@media(max-width:30rem){main{align-items:flex-start;padding:.25rem .75rem 1.5rem}"
	".card{padding:1.6rem 1.25rem 1.3rem;border-radius:1rem}h1{font-size:1.4rem}}"
	"@media(prefers-reduced-motion:reduce){*{transition:none!important}}";

#define SVG(path)                                                                                            \
	"<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" "               \
	"stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">" path "</svg>"

static const struct {
	const char *class;
	const char *svg;
} icons[] = {
	[ICON_LINK] = {"icon",
		SVG("<path d=\"M10 13.5a4.5 4.5 0 0 0 6.6.4l2.6-2.6a4.5 4.5 0 0 0-6.4-6.4l-1.5 "
		    "1.5\"/><path d=\"M14 10.5a4.5 4.5 0 0 0-6.6-.4l-2.6 2.6a4.5 4.5 0 0 0 6.4 "
		    "6.4l1.5-1.5\"/>")},
	[ICON_DONE] = {"icon", SVG("<path d=\"M4.5 12.5l5 5 10-11\"/>")},
	[ICON_WAIT] = {"icon warm",
		SVG("<circle cx=\"12\" cy=\"12\" r=\"8.5\"/><path d=\"M12 7.5V12l3 2\"/>")},
	[ICON_STOP] = {"icon warm",
		SVG("<path d=\"M12 4l9 15.5H3z\"/><path d=\"M12 10v4\"/><path d=\"M12 17v.01\"/>")},
};

static const char brand_icon[] =
	SVG("<path d=\"M12 3l7.5 3v5.5c0 4.6-3 8-7.5 9.5-4.5-1.5-7.5-4.9-7.5-9.5V6z\"/>"
	    "<path d=\"M9 12l2.2 2.2L15.2 10\"/>");

void page_raw(struct page *p, const char *html)
{
	buf_add_str(&p->html, html);
}

void page_escaped(struct page *p, const char *text)
{
	for (; *text; text++) {
		if (strchr("&<>\"'`", *text))
			buf_addf(&p->html, "&#%d;", *text);
		else
			buf_add_char(&p->html, *text);
	}
}

void page_say(struct page *p, const char *element, enum text text)
{
	const char *space = strchr(element, ' ');

	buf_addf(&p->html, "<%s>", element);
	page_escaped(p, page_text(p->lang, text));
	buf_addf(&p->html, "</%.*s>", space ? (int)(space - element) : (int)strlen(element), element);
}

void page_button(struct page *p, const char *href, const char *text)
{
	page_raw(p, "<a class=\"button\" href=\"");
	page_escaped(p, href);
	page_raw(p, "\">");
	page_escaped(p, text);
	page_raw(p, "</a>");
}

static void new_nonce(char out[33])
{
	uint8_t random[16];

	crypto_random(random, sizeof(random));
	str_hex(random, sizeof(random), out);
}

void page_begin(
	struct page *p, enum lang lang, enum page_icon icon, enum text title, const char *other_lang_href)
{
	buf_init(&p->html, PAGE_MAX);
	p->lang = lang;
	new_nonce(p->nonce);
	buf_addf(&p->html,
		"<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
		"<meta name=\"color-scheme\" content=\"light dark\">"
		"<meta name=\"robots\" content=\"noindex\"><title>",
		lang_tag(lang));
	page_escaped(p, page_text(lang, title));
	buf_addf(&p->html,
		"</title><link rel=\"icon\" href=\"data:,\"><style nonce=\"%s\">%s</style></head><body>",
		p->nonce, style);
	buf_addf(&p->html, "<header><span class=\"brand\">%s", brand_icon);
	page_escaped(p, page_text(lang, TEXT_BRAND));
	page_raw(p, "</span>");
	if (other_lang_href) {
		buf_addf(&p->html, "<a lang=\"%s\" hreflang=\"%s\" href=\"",
			lang_tag(lang == LANG_ZH ? LANG_EN : LANG_ZH),
			lang_tag(lang == LANG_ZH ? LANG_EN : LANG_ZH));
		page_escaped(p, other_lang_href);
		page_raw(p, "\">");
		page_escaped(p, page_text(lang, TEXT_OTHER_LANG));
		page_raw(p, "</a>");
	}
	buf_addf(&p->html, "</header><main><div class=\"card\"><div class=\"%s\">%s</div>", icons[icon].class,
		icons[icon].svg);
	page_say(p, "h1", title);
}

void page_send(struct page *p, struct httpd_request *req, int status)
{
	struct httpd_header headers[PAGE_SAFE_HEADERS + 1];
	char *policy = xasprintf("default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; "
				 "connect-src 'self'; form-action 'self'; img-src data:; base-uri 'none'; "
				 "frame-ancestors 'none'",
		p->nonce, p->nonce);

	page_raw(p, "</div></main></body></html>");
	memcpy(headers, page_safe_headers, sizeof(page_safe_headers));
	headers[PAGE_SAFE_HEADERS] = (struct httpd_header){"Content-Security-Policy", policy};
	httpd_reply(req, status, "text/html; charset=utf-8", p->html.data, p->html.len, headers,
		PAGE_SAFE_HEADERS + 1);
	buf_release(&p->html);
	free(policy);
}

void page_refuse(struct httpd_request *req, enum lang lang, int status)
{
	struct page p;

	page_begin(&p, lang, ICON_STOP, TEXT_ERROR_TITLE, NULL);
	page_say(&p, "p class=\"lead\"", TEXT_ERROR);
	page_send(&p, req, status);
}
