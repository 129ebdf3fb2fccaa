/* Temporary media.
 * https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/New_temporary_materials.html
 * https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/Get_temporary_materials.html */
#include "tools/weixin-sim/api/api.h"

#include "tools/weixin-sim/wire/multipart.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

int api_media_upload(struct api_call *call)
{
	const char *type = query_get(&call->query, "type");
	const struct media *m = NULL;
	struct multipart_part part;
	int errcode;

	/* Without its name a file does not count as one. */
	if (multipart_find(call->content_type, buf_cstr(&call->upload), call->upload.len, "media", &part) <
			0 ||
		part.file_name[0] == '\0')
		return 41005;
	errcode = media_add(&call->sim->state.media, call->appid, type ? type : "", part.data, part.len,
		call->now_ms + call->sim->state.rules.media_life_ms, &m);
	if (errcode)
		return errcode;
	call->answer = json_new_object();
	json_set_str(call->answer, "type", m->type);
	json_set_str(call->answer, strcmp(m->type, "thumb") == 0 ? "thumb_media_id" : "media_id", m->id);
	json_set_int(call->answer, "created_at", call->now_ms / 1000);
	return 0;
}

static void answer_file(struct api_call *call, const struct media *m)
{
	buf_add(&call->file, m->bytes, m->len);
	call->file_type = m->content_type;
	snprintf(call->file_name, sizeof(call->file_name), "%.64s.%s", m->id, m->extension);
}

int api_media_get(struct api_call *call)
{
	const char *id = query_get(&call->query, "media_id");
	const struct media *m = media_find(&call->sim->state.media, call->appid, id ? id : "", call->now_ms);
	struct buf url = BUF_INIT(1024);

	if (!m)
		return 40007;
	if (strcmp(m->type, "video") != 0) {
		answer_file(call, m);
		return 0;
	}
	buf_addf(&url, "http://%s" API_VIDEO_PATH "?media_id=%s", call->host, m->id);
	call->answer = json_new_object();
	json_set_str(call->answer, "video_url", buf_cstr(&url));
	buf_release(&url);
	return 0;
}

int api_media_video(struct api_call *call)
{
	const char *id = query_get(&call->query, "media_id");
	const struct media *m = media_find(&call->sim->state.media, NULL, id ? id : "", call->now_ms);

	if (!m || strcmp(m->type, "video") != 0)
		return 40007;
	answer_file(call, m);
	return 0;
}
