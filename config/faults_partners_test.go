package config

var partnersFaults = []faultCase{
	{
		"partner without anything",
		"partners: {tsl: {}}\n",
		"1:12: partners.tsl: token is missing; make one with: openssl rand -base64 24\n" +
			"1:12: partners.tsl: streams is missing, or names nothing; name the streams that it may pull, as in [maria]\n" +
			"1:12: partners.tsl: protocols is missing, or names nothing; name the ways in which it may pull them, of rtmp, rtsp, hls and whep",
	},
	{
		"partner's lists",
		"partners: {tsl: {token: " + otherKey + ", streams: [a b, maria, maria], protocols: [srt, hls, hls]}}\n",
		"1:65: partners.tsl.streams.1: \"a b\" is no name; use 1 to 64 letters, digits, - and _\n" +
			"1:77: partners.tsl.streams.3: named twice; keep one of the two\n" +
			"1:97: partners.tsl.protocols.1: expected rtmp, rtsp, hls or whep, saw \"srt\"\n" +
			"1:107: partners.tsl.protocols.3: named twice; keep one of the two",
	},
	{
		"partner's streams as text",
		"partners: {tsl: {token: " + otherKey + ", streams: maria, protocols: [hls]}}\n",
		"1:64: partners.tsl.streams: expected a list such as [one, other], saw text",
	},
	{
		"partner's stream that is not here",
		"partners: {tsl: {token: " + otherKey + ", streams: [marie], protocols: [hls]}}\nstreams: {maria: {key: " + anyKey + "}}\n",
		"1:65: partners.tsl.streams.1: no stream of this file has that id; did you mean maria?",
	},
	{
		"partner's numbers and dates",
		"partners: {tsl: {token: " + otherKey + ", streams: [maria], protocols: [hls], max_connections: 0, expires: soon}}\nstreams: {maria: {key: " + anyKey + "}}\n",
		"1:108: partners.tsl.max_connections: expected a whole number from 1 to 10000, saw \"0\"\n" +
			"1:120: partners.tsl.expires: expected a day such as 2027-12-31, whose end in UTC is meant, or a time such as 2027-12-31T18:00:00Z, saw \"soon\"",
	},
	{
		"partner's token twice",
		"partners:\n  a: {token: " + otherKey + ", streams: [maria], protocols: [hls]}\n  b: {token: " + otherKey + ", streams: [maria], protocols: [hls]}\nstreams: {maria: {key: " + anyKey + "}}\n",
		"3:14: partners.b.token: the same as partners.a; make one with: openssl rand -base64 24",
	},
	{
		"partner's token and token_file",
		"partners: {tsl: {token: " + otherKey + ", token_file: keys/good, streams: [maria], protocols: [hls]}}\nstreams: {maria: {key: " + anyKey + "}}\n",
		"1:67: partners.tsl.token_file: token and token_file are both set; keep one of the two",
	},
}
