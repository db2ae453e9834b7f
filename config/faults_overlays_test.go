package config

var overlaysFaults = []faultCase{
	{
		"tokens as a section",
		"tokens: {name: ops}\n",
		"1:1: tokens: expected a list of tokens (lines of - name: …), saw a section",
	},
	{
		"token without anything",
		"tokens: [{}]\n",
		"1:10: tokens.1: name is missing; name who has it\n1:10: tokens.1: role is missing; write admin, read, or stream:ID\n1:10: tokens.1: token is missing; make one with: openssl rand -base64 24",
	},
	{
		"token of nothing",
		"tokens:\n  -\n",
		"2:5: tokens.1: name is missing; name who has it\n2:5: tokens.1: role is missing; write admin, read, or stream:ID\n2:5: tokens.1: token is missing; make one with: openssl rand -base64 24",
	},
	{
		"token as text",
		"tokens: [ops]\n",
		"1:10: tokens.1: expected a section (lines of key: value), saw text",
	},
	{
		"token too short",
		"tokens: [{name: ops, token: short, role: admin}]\n",
		"1:29: tokens.1.token: 5 characters: a token needs at least 22, so that nobody guesses it; make one with: openssl rand -base64 24",
	},
	{
		"token with a space",
		"tokens: [{name: ops, token: \"a b\", role: admin}]\n",
		"1:29: tokens.1.token: a token may not hold spaces, nor characters beyond ASCII: it is sent in a header of HTTP; make one with: openssl rand -base64 24",
	},
	{
		"token too long",
		"tokens: [{name: ops, token: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, role: admin}]\n",
		"1:29: tokens.1.token: 129 characters: a token has at most 128; make one with: openssl rand -base64 24",
	},
	{
		"token twice",
		"tokens:\n  - {name: a, token: " + otherKey + ", role: admin}\n  - {name: a, token_file: keys/good, role: read}\n",
		"3:12: tokens.2.name: the same name as tokens.1; the log tells tokens apart by their names",
	},
	{
		"token and token_file",
		"tokens: [{name: a, token: " + otherKey + ", token_file: keys/good, role: admin}]\n",
		"1:69: tokens.1.token_file: token and token_file are both set; keep one of the two",
	},
	{
		"token that is a stream key",
		"tokens: [{name: a, token: " + otherKey + ", role: admin}]\nstreams: {maria: {key: " + otherKey + "}}\n",
		"1:27: tokens.1.token: the same as the key of streams.maria; make one with: openssl rand -base64 24",
	},
	{
		"token's name",
		"tokens: [{name: a b, token: " + otherKey + ", role: admin}]\n",
		"1:17: tokens.1.name: \"a b\" is no name; use 1 to 64 letters, digits, - and _",
	},
	{
		"role of no kind",
		"tokens: [{name: a, token: " + otherKey + ", role: root}]\n",
		"1:63: tokens.1.role: expected admin, read, or stream:ID, saw \"root\"",
	},
	{
		"role of a stream without id",
		"tokens: [{name: a, token: " + otherKey + ", role: \"stream:\"}]\n",
		"1:63: tokens.1.role: expected admin, read, or stream:ID, saw \"stream:\"",
	},
	{
		"role of an unknown stream",
		"tokens: [{name: a, token: " + otherKey + ", role: \"stream:mario\"}]\nstreams: {maria: {key_file: keys/good}}\n",
		"1:63: tokens.1.role: no stream of this file has that id; did you mean stream:maria?",
	},
	{
		"role of no stream at all",
		"tokens: [{name: a, token: " + otherKey + ", role: \"stream:x\"}]\n",
		"1:63: tokens.1.role: no stream of this file has that id; write the id of a stream in this file",
	},
	{
		"role as a section",
		"tokens: [{name: a, token: " + otherKey + ", role: {stream: x}}]\n",
		"1:57: tokens.1.role: expected admin, read, or stream:ID, saw a section",
	},
	{
		"catalog without its file",
		"catalog: none.csv\n",
		"1:10: catalog: the file does not exist; relative paths start at the config file's folder",
	},
	{
		"catalog as a list",
		"catalog: [products.csv]\n",
		"1:10: catalog: expected a path, saw a list",
	},
	{
		"catalog section without file",
		"catalog: {format: csv}\n",
		"1:1: catalog: file is missing; name the file of products",
	},
	{
		"catalog section, its file missing",
		"catalog: {file: none.csv}\n",
		"1:17: catalog.file: the file does not exist; relative paths start at the config file's folder",
	},
	{
		"catalog of no known format",
		"catalog: {file: products.csv, format: xlsx}\n",
		"1:39: catalog.format: expected json, csv, google-tsv, google-xml or shopify, saw \"xlsx\"",
	},
	{
		"catalog's shop",
		"catalog: {file: products.csv, shop: \"http://shop.example.com\"}\n",
		"1:37: catalog.shop: expected the shop's address, such as https://shop.example.com, saw text of 23 characters",
	},
	{
		"catalog's shop as a list",
		"catalog: {file: products.csv, shop: []}\n",
		"1:37: catalog.shop: expected the shop's address, such as https://shop.example.com, saw a list",
	},
	{
		"catalog's currency",
		"catalog: {file: products.csv, currency: euro}\n",
		"1:41: catalog.currency: expected a currency of ISO 4217, such as EUR, saw \"euro\"",
	},
	{
		"catalog's language",
		"catalog: {file: products.csv, lang: e}\n",
		"1:37: catalog.lang: expected a language tag of BCP 47, such as en or pt-BR, saw \"e\"",
	},
	{
		"catalog's language as a list",
		"catalog: {file: products.csv, lang: []}\n",
		"1:37: catalog.lang: expected a language tag of BCP 47, such as en or pt-BR, saw a list",
	},
	{
		"encoder delay",
		"streams: {m: {key_file: keys/good, encoder_delay: 11s}}\n",
		"1:51: streams.m.encoder_delay: expected a time from 0s to 10s, saw \"11s\"",
	},
	{
		"trust_overlays",
		"streams: {m: {key_file: keys/good, trust_overlays: 1}}\n",
		"1:52: streams.m.trust_overlays: expected true or false, saw \"1\"",
	},
	{
		"overlays of no kind",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, overlays: amf+sei}}}}\n",
		"1:92: streams.m.destinations.d.overlays: expected off, sei, amf or sei+amf, saw \"amf+sei\"",
	},
	{
		"view's currency",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, view: {currency: usd}}}}}\n",
		"1:99: streams.m.destinations.d.view.currency: expected a currency of ISO 4217, such as EUR, saw \"usd\"",
	},
	{
		"view's locale",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, view: {locale: en_US}}}}}\n",
		"1:97: streams.m.destinations.d.view.locale: expected a language tag of BCP 47, such as en or pt-BR, saw \"en_US\"",
	},
	{
		"view's links",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, view: {link: {a: \"x\\ty\", b: []}}}}}}\n",
		"1:96: streams.m.destinations.d.view.link: a parameter with a control character, without a name, or of more than 256 characters\n1:110: streams.m.destinations.d.view.link.b: expected text, saw a list",
	},
	{
		"view's many links",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, view: {link: {p0: x, p1: x, p2: x, p3: x, p4: x, p5: x, p6: x, p7: x, p8: x, p9: x, p10: x, p11: x, p12: x, p13: x, p14: x, p15: x, p16: x}}}}}}\n",
		"1:89: streams.m.destinations.d.view.link: 17 parameters, more than 16",
	},
	{
		"view hides what it cannot",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, view: {hide: [title, stock, stock]}}}}}\n",
		"1:96: streams.m.destinations.d.view.hide.1: expected variant, price, was, avail, stock, image, gtin or lang, saw \"title\"\n1:110: streams.m.destinations.d.view.hide.3: named twice; keep one of the two",
	},
	{
		"view hides text",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, view: {hide: stock}}}}}\n",
		"1:95: streams.m.destinations.d.view.hide: expected a list such as [stock], saw text",
	},
	{
		"view hides too much",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, view: {hide: [a, b, c, d, e, f, g, h, i]}}}}}\n",
		"1:95: streams.m.destinations.d.view.hide: 9 entries, more than 8",
	},
	{
		"pass_data",
		"streams: {m: {key_file: keys/good, destinations: {d: {url: \"rtmp://h/a\", key: k, pass_data: yes}}}}\n",
		"1:93: streams.m.destinations.d.pass_data: expected true or false, saw \"yes\"",
	},
	{
		"https without files",
		"https: {listen: \":8443\"}\n",
		"1:1: https: cert and key are both needed; name two PEM files, or write listen: off",
	},
	{
		"https on the port of http",
		"https: {listen: \":8080\", cert: a, key: b}\n",
		"1:17: https.listen: the same port as http.listen has by default; choose another port, or write off for one of the two\n1:32: https.cert: the file does not exist; relative paths start at the config file's folder\n1:40: https.key: the file does not exist; relative paths start at the config file's folder",
	},
}

// otherKey is a token.
const otherKey = "01234567890123456789otherkey"
