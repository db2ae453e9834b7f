package config

var fileFaults = []faultCase{
	{
		"not a section",
		"hello\n",
		"1:1: expected a section (lines of key: value), saw text",
	},
	{
		"list at the top",
		"- rtmp\n",
		"1:1: expected a section (lines of key: value), saw a list",
	},
	{
		"block header",
		"drain: |secret\n  x\n",
		"1:8: not valid YAML: invalid header option" + hintSyntax,
	},
	{
		"value behind a section's key",
		"drain: 10s\n  debug: true\n",
		"1:8: not valid YAML: mapping value is not allowed in this context" + hintSyntax,
	},
	{
		"tab",
		"rtmp:\n\tlisten: off\n",
		"2:1: not valid YAML: a tab; indent with spaces",
	},
	{
		"two colons",
		"drain: 10s: 5s\n",
		"1:8: not valid YAML: mapping value is not allowed in this context" + hintSyntax,
	},
	{
		"unclosed quote",
		"drain: \"10s\n",
		"1:8: not valid YAML: could not find end character of double-quoted text" + hintSyntax,
	},
	{
		"reserved character",
		"drain: @x\n",
		"1:8: not valid YAML: '@' is a reserved character" + hintSyntax,
	},
	{
		"unclosed brace",
		"rtmp: {listen: off\n",
		"1:7: not valid YAML: could not find flow mapping end token '}'" + hintSyntax,
	},
	{
		"indentation",
		"rtmp:\n  listen: off\n listen: off\n",
		"3:2: not valid YAML: value is not allowed in this context" + hintSyntax,
	},
	{
		"second document",
		"drain: 10s\n---\ndrain: 5s\n",
		"3:1: a second document; keep one document: remove the line ---",
	},
	{
		"anchor",
		"drain: &d 10s\n",
		"1:8: " + msgAnchor,
	},
	{
		"alias",
		"drain: *d\n",
		"1:8: " + msgAnchor,
	},
	{
		"merge",
		"<<: 1\n",
		"1:1: " + msgAnchor,
	},
	{
		"tag",
		"drain: !!str 10s\n",
		"1:8: YAML tags (!) are not supported; put the value in quotes if it is text",
	},
	{
		"directive",
		"%YAML 1.2\n---\ndrain: 10s\n",
		"1:1: YAML directives (%) are not supported; put the value in quotes if it is text",
	},
	{
		"question mark",
		"? drain\n: 10s\n",
		"1:1: YAML's ? for keys is not supported; write key: value",
	},
	{
		"variable between braces",
		"rtmp: {listen: ${AD-DRESS}}\n",
		"1:16: ${ without a variable's name and }; write ${NAME}, or $$ for a dollar",
	},
	{
		"several unwanted things at once",
		"drain: &d 10s\ndebug: *d\n",
		"1:8: " + msgAnchor + "\n" +
			"2:8: " + msgAnchor,
	},
	{
		"unknown key, near",
		"rtmp:\n  lsten: off\n",
		"2:3: rtmp.lsten: unknown key; did you mean listen?",
	},
	{
		"unknown key, near, other case",
		"RTMP: {listen: off}\n",
		"1:1: RTMP: unknown key; did you mean rtmp?",
	},
	{
		"unknown key, not near",
		"colour: red\n",
		"1:1: colour: unknown key; " + hintTop,
	},
	{
		"unknown key, long and near",
		"allow_private_destination: true\n",
		"1:1: allow_private_destination: unknown key; did you mean allow_private_destinations?",
	},
	{
		"unknown key, long",
		"a_key_that_is_longer_than_a_stream_key: 1\n",
		"1:1: an unknown key; " + hintTop,
	},
	{
		"unknown key without a value",
		"rtmp: {abc}\n",
		"1:8: rtmp: an unknown key; known here: listen",
	},
	{
		"unknown key with odd characters",
		"\"dra\\nin\": 10s\n",
		"1:1: \"dra\\nin\": unknown key; did you mean drain?",
	},
	{
		"key twice",
		"drain: 10s\ndebug: true\ndrain: 5s\n",
		"3:1: drain: set twice, first on line 1; remove one of the two",
	},
	{
		"odd key twice",
		"\"a b\": 1\n\"a b\": 2\n",
		"1:1: an unknown key; " + hintTop + "\n" +
			"2:1: set twice, first on line 1; remove one of the two",
	},
	{
		"section twice",
		"rtmp: {listen: off}\nrtmp: {listen: off}\n",
		"2:1: rtmp: set twice, first on line 1; remove one of the two",
	},
	{
		"all at once",
		"drain: 10\nrtmp: {lsten: off}\nstreams:\n  maria:\n    key: short\n    destinations:\n      tiktok: {url: http://h/app, key: k}\n",
		"1:8: drain: expected a time from 0s to 300s, saw \"10\"; add the unit, as in 10s or 100ms" + "\n" +
			"2:8: rtmp.lsten: unknown key; did you mean listen?" + "\n" +
			"5:10: streams.maria.key: 5 characters: a key needs at least 22, so that nobody guesses it" + hintKey + "\n" +
			"7:21: streams.maria.destinations.tiktok.url: neither rtmp:// nor rtmps://" + hintURL,
	},
}
