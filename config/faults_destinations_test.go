package config

import "strings"

var destinationsFaults = []faultCase{
	{
		"destination without url",
		tiktok("key: abc"),
		"5:7: streams.maria.destinations.tiktok: url is missing; write the server URL that the platform shows, such as rtmp://host/app",
	},
	{
		"destination without key",
		tiktok("url: rtmp://h/app"),
		"5:7: streams.maria.destinations.tiktok: key is missing, and the url's path has none behind the app; write the stream key that the platform gave as key or key_file",
	},
	{
		"destination with an empty key",
		tiktok("url: rtmp://h/app\nkey: \"\""),
		"5:7: streams.maria.destinations.tiktok: key is empty, and the url's path has none behind the app; write the stream key that the platform gave as key or key_file",
	},
	{
		"destination with an empty key_file",
		tiktok("url: rtmp://h/app\nkey_file: keys/empty"),
		"7:19: streams.maria.destinations.tiktok.key_file: the file is empty; write the stream key that the platform gave into it",
	},
	{
		"destination key with a space",
		tiktok("url: rtmp://h/app\nkey: a b"),
		"7:14: streams.maria.destinations.tiktok.key: a space, or a character beyond printable ASCII; copy the key again",
	},
	{
		"destination key too long",
		tiktok("url: rtmp://h/app\nkey: " + strings.Repeat("x", 513)),
		"7:14: streams.maria.destinations.tiktok.key: 513 characters: a key has at most 512",
	},
	{
		"destination key without its variable",
		tiktok("url: rtmp://h/app\nkey: ${NOT_SET}"),
		"7:14: streams.maria.destinations.tiktok.key: the environment variable NOT_SET is not set; set it before simulcart starts",
	},
	{
		"destination key and key_file",
		tiktok("url: rtmp://h/app\nkey: a\nkey_file: keys/good"),
		"8:19: streams.maria.destinations.tiktok.key_file: key and key_file are both set; keep one of the two",
	},
	{
		"platform",
		tiktok("platform: tictok\nurl: rtmp://h/app\nkey: k"),
		"6:19: streams.maria.destinations.tiktok.platform: expected custom, tiktok, talkshoplive, youtube, facebook, instagram, twitch or kick, saw \"tictok\"; did you mean tiktok?",
	},
	{
		"url without scheme",
		tiktok("url: push.example.com/live\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: neither rtmp:// nor rtmps://" + hintURL,
	},
	{
		"url with another scheme",
		tiktok("url: https://push.example.com/live\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: neither rtmp:// nor rtmps://" + hintURL,
	},
	{
		"url with a user",
		tiktok("url: rtmp://me:pw@h/app\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: user and password do not belong in the url, which is shown on the status page; put what the platform asks for into key, as in NAME?user=U&pass=P",
	},
	{
		"url without host",
		tiktok("url: rtmp:///app\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: no host that can be looked up" + hintURL,
	},
	{
		"url with a bad host",
		tiktok("url: rtmp://h*h/app\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: no host that can be looked up" + hintURL,
	},
	{
		"url with a bad port",
		tiktok("url: rtmp://h:70000/app\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: the port is not a number from 1 to 65535" + hintURL,
	},
	{
		"url with an empty port",
		tiktok("url: rtmp://h:/app\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: the port is not a number from 1 to 65535" + hintURL,
	},
	{
		"url with a fragment",
		tiktok("url: rtmp://h/app#x\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: a # and what follows it mean nothing to a server; remove it, or put it into key if it belongs to the key",
	},
	{
		"url with a space",
		tiktok("url: rtmp://h/a pp\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: a space, or a character beyond printable ASCII" + hintURL,
	},
	{
		"url that does not parse",
		tiktok("url: rtmp://h:x/app\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: not a URL" + hintURL,
	},
	{
		"url too long",
		tiktok("url: rtmp://h/" + strings.Repeat("x", 2040) + "\nkey: k"),
		"6:14: streams.maria.destinations.tiktok.url: 2049 characters: a URL has at most 2048",
	},
	{
		"url as a section",
		tiktok("url: {host: h}\nkey: k"),
		"6:9: streams.maria.destinations.tiktok.url: expected a URL such as rtmp://host/app, saw a section",
	},
	{
		"numbers of a destination",
		tiktok("url: rtmp://h/app\nkey: k\ncoalesce: 2s\nchunk_size: 127\nenhanced: maybe\npaused: 1"),
		"8:19: streams.maria.destinations.tiktok.coalesce: expected a time from 0s to 1s, saw \"2s\"" + "\n" +
			"9:21: streams.maria.destinations.tiktok.chunk_size: expected a whole number from 128 to 16777215, saw \"127\"" + "\n" +
			"10:19: streams.maria.destinations.tiktok.enhanced: expected true or false, saw \"maybe\"" + "\n" +
			"11:17: streams.maria.destinations.tiktok.paused: expected true or false, saw \"1\"",
	},
	{
		"tls for rtmp",
		tiktok("url: rtmp://h/app\nkey: k\ntls: {server_name: h}"),
		"8:9: streams.maria.destinations.tiktok.tls: tls has no meaning for rtmp://; write rtmps:// in the url, or remove tls",
	},
	{
		"tls, everything wrong",
		tiktok("url: rtmps://h/app\nkey: k\ntls:\n  ca: none.crt\n  server_name: a b\n  min_version: 1.1\n  insecure_skip_verify: true"),
		"9:15: streams.maria.destinations.tiktok.tls.ca: the file does not exist" + hintPath + "\n" +
			"10:24: streams.maria.destinations.tiktok.tls.server_name: expected the name in the server's certificate, saw \"a b\"" + "\n" +
			"11:24: streams.maria.destinations.tiktok.tls.min_version: expected 1.2 or 1.3, saw \"1.1\"; did you mean 1.2?" + "\n" +
			"12:11: streams.maria.destinations.tiktok.tls.insecure_skip_verify: verification cannot be switched off, since the key would go to whoever answers; trust the server's own certificate with ca: FILE",
	},
	{
		"ca without a certificate",
		tiktok("url: rtmps://h/app\nkey: k\ntls: {ca: keys/good}"),
		"8:19: streams.maria.destinations.tiktok.tls.ca: the file holds no PEM certificate",
	},
	{
		"ca with nothing",
		tiktok("url: rtmps://h/app\nkey: k\ntls: {ca: }"),
		"8:15: streams.maria.destinations.tiktok.tls.ca: expected a path, saw nothing",
	},
}
