package config

var valuesFaults = []faultCase{
	{
		"list for a time",
		"drain: [10s]\n",
		"1:8: drain: expected a time from 0s to 300s, saw a list",
	},
	{
		"section for a time",
		"drain:\n  seconds: 10\n",
		"1:1: drain: expected a time from 0s to 300s, saw a section",
	},
	{
		"nothing for a time",
		"drain:\n",
		"1:1: drain: expected a time from 0s to 300s, saw nothing",
	},
	{
		"number for a time",
		"drain: 10\n",
		"1:8: drain: expected a time from 0s to 300s, saw \"10\"; add the unit, as in 10s or 100ms",
	},
	{
		"text for a time",
		"drain: soon\n",
		"1:8: drain: expected a time from 0s to 300s, saw \"soon\"",
	},
	{
		"time too long",
		"drain: 6m\n",
		"1:8: drain: expected a time from 0s to 300s, saw \"6m\"",
	},
	{
		"time below zero",
		"drain: -1s\n",
		"1:8: drain: expected a time from 0s to 300s, saw \"-1s\"",
	},
	{
		"text for a flag",
		"debug: yes\n",
		"1:8: debug: expected true or false, saw \"yes\"",
	},
	{
		"quoted flag",
		"debug: \"true\"\n",
		"1:8: debug: expected true or false, saw text in quotes; remove the quotes",
	},
	{
		"number for a flag",
		"debug: 1\n",
		"1:8: debug: expected true or false, saw \"1\"",
	},
	{
		"text for a number",
		"limits: {streams: many}\n",
		"1:19: limits.streams: expected a whole number from 1 to 1000, saw \"many\"",
	},
	{
		"quoted number",
		"limits:\n  streams: '5'\n",
		"2:12: limits.streams: expected a whole number from 1 to 1000, saw text in quotes; remove the quotes",
	},
	{
		"number too large",
		"limits:\n  streams: 1001\n  destinations_per_stream: 0\n  unauthenticated_per_ip: 4097\n  unauthenticated: 1e3\n",
		"2:12: limits.streams: expected a whole number from 1 to 1000, saw \"1001\"" + "\n" +
			"3:28: limits.destinations_per_stream: expected a whole number from 1 to 512, saw \"0\"" + "\n" +
			"4:27: limits.unauthenticated_per_ip: expected a whole number from 1 to 4096, saw \"4097\"" + "\n" +
			"5:20: limits.unauthenticated: expected a whole number from 1 to 16384, saw \"1e3\"",
	},
	{
		"flag for a section",
		"log: true\n",
		"1:6: log: expected a section (lines of key: value), saw true",
	},
	{
		"text for a section",
		"log: info\n",
		"1:6: log: expected a section (lines of key: value), saw text",
	},
	{
		"number for a section",
		"streams: 5\n",
		"1:10: streams: expected a section (lines of key: value), saw a number",
	},
	{
		"choice, near",
		"log: {level: wran, format: jsn}\n",
		"1:14: log.level: expected debug, info, warn or error, saw \"wran\"; did you mean warn?" + "\n" +
			"1:28: log.format: expected text or json, saw \"jsn\"; did you mean json?",
	},
	{
		"choice, not near",
		"log: {level: loud}\n",
		"1:14: log.level: expected debug, info, warn or error, saw \"loud\"",
	},
	{
		"long text for a choice",
		"log: {level: a text that is longer than a stream key}\n",
		"1:14: log.level: expected debug, info, warn or error, saw text of 39 characters",
	},
	{
		"block text",
		"log:\n  level: |\n    info\n",
		"2:10: log.level: expected debug, info, warn or error, saw \"info\\n\"; did you mean info?",
	},
	{
		"port alone",
		"rtmp: {listen: 1935}\n",
		"1:16: rtmp.listen: expected host:port, :port for all addresses, or off, saw \"1935\"; write \":1935\"",
	},
	{
		"no port",
		"http: {listen: \"127.0.0.1\"}\n",
		"1:16: http.listen: expected host:port, :port for all addresses, or off, saw \"127.0.0.1\"",
	},
	{
		"empty address",
		"http: {listen: \"\"}\n",
		"1:16: http.listen: expected host:port, :port for all addresses, or off, saw \"\"",
	},
	{
		"named port",
		"http: {listen: \":http\"}\n",
		"1:16: http.listen: expected host:port, :port for all addresses, or off, saw \":http\"",
	},
	{
		"odd port of a pair",
		"rtsp: {udp: \":8001\"}\n",
		"1:13: rtsp.udp: expected an even port, saw 8001; RTP has an even port, and RTCP the one behind it",
	},
	{
		"port of a pair alone",
		"rtsp: {udp: 8001}\n",
		"1:13: rtsp.udp: expected host:port, :port for all addresses, or off, saw \"8001\"; write \":8001\"",
	},
	{
		"port too large",
		"http: {listen: \":65536\"}\n",
		"1:16: http.listen: expected host:port, :port for all addresses, or off, saw \":65536\"",
	},
	{
		"host with a space",
		"http: {listen: \"my host:80\"}\n",
		"1:16: http.listen: expected host:port, :port for all addresses, or off, saw \"my host:80\"",
	},
	{
		"two listeners on one port",
		"rtmp: {listen: \":8080\"}\nhttp: {listen: \"127.0.0.1:8080\"}\n",
		"2:16: http.listen: the same port as rtmp.listen on line 1; choose another port, or write off for one of the two",
	},
	{
		"a listener on a default port",
		"rtmp: {listen: \":8080\"}\n",
		"1:16: rtmp.listen: the same port as http.listen has by default; choose another port, or write off for one of the two",
	},
	{
		"the later of two listeners",
		"http: {listen: \":99\"}\nrtmp: {listen: \":99\"}\n",
		"2:16: rtmp.listen: the same port as http.listen on line 1; choose another port, or write off for one of the two",
	},
	{
		"rtmps without files",
		"rtmps: {}\n",
		"1:1: rtmps: cert and key are both needed; name two PEM files, or write listen: off",
	},
	{
		"rtmps with files that are not there",
		"rtmps: {cert: no.crt, key: no.key}\n",
		"1:15: rtmps.cert: the file does not exist" + hintPath + "\n" +
			"1:28: rtmps.key: the file does not exist" + hintPath,
	},
	{
		"rtmps with an empty path in a list",
		"rtmps: {listen: off, cert: [a]}\n",
		"1:28: rtmps.cert: expected a path, saw a list",
	},
	{
		"limits against each other",
		"limits:\n  unauthenticated_per_ip: 2000\n",
		"2:27: limits.unauthenticated: 1024 in all is less than the 2000 per address; raise limits.unauthenticated",
	},
	{
		"limits against each other, both given",
		"limits:\n  unauthenticated: 10\n  unauthenticated_per_ip: 20\n",
		"2:20: limits.unauthenticated: 10 in all is less than the 20 per address; raise limits.unauthenticated",
	},
	{
		"variable not set",
		"drain: ${NOT_SET}\n",
		"1:8: drain: the environment variable NOT_SET is not set; set it before simulcart starts",
	},
	{
		"variable empty",
		"drain: 1${EMPTY}s\n",
		"1:8: drain: the environment variable EMPTY is empty; set it before simulcart starts",
	},
	{
		"variable without a name",
		"drain: ${}\n",
		"1:8: drain: ${ without a variable's name and }; write ${NAME}, or $$ for a dollar",
	},
	{
		"variable with a bad name",
		"drain: ${A-B}\n",
		"1:8: drain: ${ without a variable's name and }; write ${NAME}, or $$ for a dollar",
	},
	{
		"variable not closed",
		"drain: ${TEN\n",
		"1:8: drain: ${ without a variable's name and }; write ${NAME}, or $$ for a dollar",
	},
	{
		"value of a variable is not parsed",
		"limits:\n  streams: ${LIST}\n",
		"2:12: limits.streams: expected a whole number from 1 to 1000, saw something else in the environment",
	},
	{
		"value of a variable is not shown",
		"drain: ${SECRET}\ndebug: ${SECRET}\nlog: {level: \"${SECRET}\"}\nlimits: {streams: \"${SECRET}\"}\nhttp: {listen: \"${SECRET}\"}\n",
		"1:8: drain: expected a time from 0s to 300s, saw something else in the environment" + "\n" +
			"2:8: debug: expected true or false, saw something else in the environment" + "\n" +
			"3:14: log.level: expected debug, info, warn or error, saw something else in the environment" + "\n" +
			"4:19: limits.streams: expected a whole number from 1 to 1000, saw something else in the environment" + "\n" +
			"5:16: http.listen: expected host:port, :port for all addresses, or off, saw something else in the environment",
	},
	{
		"values that are too long",
		"drain: ${LONG}${LONG}\n",
		"1:8: drain: longer than 64 KiB with its environment variables replaced",
	},
}
