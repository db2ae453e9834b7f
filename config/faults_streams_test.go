package config

import "strings"

var streamsFaults = []faultCase{
	{
		"stream id",
		"streams:\n  maria smith: {key: " + anyKey + "}\n",
		"2:3: streams: \"maria smith\" is no name; use 1 to 64 letters, digits, - and _",
	},
	{
		"stream id, long",
		"streams:\n  " + strings.Repeat("x", 65) + ": {key: " + anyKey + "}\n",
		"2:3: streams: text of 65 characters is no name; use 1 to 64 letters, digits, - and _",
	},
	{
		"stream without a key",
		"streams:\n  maria: {hold: 5s}\n",
		"2:3: streams.maria: key is missing: without it nobody can publish" + hintKey,
	},
	{
		"empty stream",
		"streams:\n  maria:\n",
		"2:3: streams.maria: key is missing: without it nobody can publish" + hintKey,
	},
	{
		"short key",
		"streams:\n  maria:\n    key: topsecret\n",
		"3:10: streams.maria.key: 9 characters: a key needs at least 22, so that nobody guesses it" + hintKey,
	},
	{
		"long key",
		"streams:\n  maria:\n    key: " + strings.Repeat("x", 129) + "\n",
		"3:10: streams.maria.key: 129 characters: a key has at most 128" + hintKey,
	},
	{
		"key with a slash",
		"streams:\n  maria:\n    key: " + anyKey + "/a\n",
		"3:10: streams.maria.key: a key may not hold spaces, / ? # & %, nor characters beyond ASCII: encoders send it as a part of a URL" + hintKey,
	},
	{
		"key with a space",
		"streams:\n  maria:\n    key: " + anyKey + " a\n",
		"3:10: streams.maria.key: a key may not hold spaces, / ? # & %, nor characters beyond ASCII: encoders send it as a part of a URL" + hintKey,
	},
	{
		"key as a list",
		"streams:\n  maria:\n    key: [" + anyKey + "]\n",
		"3:10: streams.maria.key: expected the publish key, saw a list",
	},
	{
		"key with nothing",
		"streams:\n  maria:\n    key:\n",
		"3:5: streams.maria.key: expected the publish key, saw nothing",
	},
	{
		"key and key_file",
		"streams:\n  maria:\n    key: " + anyKey + "\n    key_file: keys/good\n",
		"4:15: streams.maria.key_file: key and key_file are both set; keep one of the two",
	},
	{
		"key_file that is not there",
		"streams:\n  maria:\n    key_file: keys/none\n",
		"3:15: streams.maria.key_file: the file does not exist" + hintPath,
	},
	{
		"key_file with nothing",
		"streams:\n  maria:\n    key_file: \"\"\n",
		"3:15: streams.maria.key_file: expected a path, saw nothing",
	},
	{
		"key_file that is a folder",
		"streams:\n  maria:\n    key_file: keys\n",
		"3:15: streams.maria.key_file: the file cannot be read as a regular file" + hintPath,
	},
	{
		"key_file that is too large",
		"streams:\n  maria:\n    key_file: keys/large\n",
		"3:15: streams.maria.key_file: the file is too large for what it should hold" + hintPath,
	},
	{
		"key_file with a short key",
		"streams:\n  maria:\n    key_file: keys/short\n",
		"3:15: streams.maria.key_file: 7 characters: a key needs at least 22, so that nobody guesses it" + hintKey,
	},
	{
		"hold",
		"streams:\n  maria:\n    key: " + anyKey + "\n    hold: 1801s\n",
		"4:11: streams.maria.hold: expected a time from 0s to 1800s, saw \"1801s\"",
	},
	{
		"on_end, policy and public",
		"streams:\n  maria:\n    key: " + anyKey + "\n    on_end: stop\n    policy: take\n    public: no\n",
		"4:13: streams.maria.on_end: expected end or hold, saw \"stop\"" + "\n" +
			"5:13: streams.maria.policy: expected takeover or reject, saw \"take\"" + "\n" +
			"6:13: streams.maria.public: expected true or false, saw \"no\"",
	},
	{
		"two streams with one key",
		"streams:\n  maria:\n    key: " + anyKey + "\n  jane:\n    key: " + anyKey + "\n",
		"5:10: streams.jane.key: the same key as streams.maria on line 2: a key says which stream is published" + hintKey,
	},
	{
		"two streams with one key in a file",
		"streams:\n  maria:\n    key_file: keys/good\n  jane:\n    key_file: keys/good\n",
		"5:15: streams.jane.key_file: the same key as streams.maria on line 2: a key says which stream is published" + hintKey,
	},
	{
		"too many streams and destinations",
		"limits: {streams: 1, destinations_per_stream: 1}\nstreams:\n  a:\n    key: a" + anyKey + "\n  b:\n    key: b" + anyKey + "\n    destinations:\n      x: {url: rtmp://h/app, key: k}\n      y: {url: rtmp://h/app, key: l}\n",
		"2:1: streams: 2 streams: limits.streams allows 1; raise the limit, or share the work between two servers" + "\n" +
			"7:5: streams.b.destinations: 2 destinations: limits.destinations_per_stream allows 1; raise the limit, or share the work between two servers",
	},
	{
		"destination name",
		"streams:\n  maria:\n    key: " + anyKey + "\n    destinations:\n      tik.tok: {url: rtmp://h/app, key: k}\n",
		"5:7: streams.maria.destinations: \"tik.tok\" is no name; use 1 to 64 letters, digits, - and _",
	},
}
