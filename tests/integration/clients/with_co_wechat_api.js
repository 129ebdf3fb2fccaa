// A program written for Weixin, with co-wechat-api: node with_co_wechat_api.js APPID SECRET OPENID FILE. Prints what it
// got as JSON.
'use strict';

const crypto = require('crypto');
const WechatAPI = require('co-wechat-api');

async function main() {
  const [appid, secret, openid, path] = process.argv.slice(2);
  const api = new WechatAPI(appid, secret);
  const uploaded = await api.uploadImageMedia(path);
  const sent = await api.sendText(openid, '你好 from co-wechat-api');
  const menu = await api.createMenu({button: [{type: 'click', name: '今日歌曲', key: 'V1001'}]});
  const downloaded = await api.getMedia('media-1');
  const followers = await api.getFollowers();
  const {accessToken} = await api.ensureAccessToken();
  console.log(JSON.stringify({uploaded, sent, menu, followers, access_token: accessToken,
    downloaded: crypto.createHash('sha256').update(downloaded).digest('hex')}));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
