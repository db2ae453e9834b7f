package config

const hintOrigin = "write scheme and host alone, such as https://shop.example.com, or *"

var hlsFaults = []faultCase{
	{"hls, short segment", "hls: {segment: 900ms}", "1:16: hls.segment: 900ms is less than 1s; " + "use 1s to 10s"},
	{"hls, long segment", "hls: {segment: 11s}", "1:16: hls.segment: expected a time from 0s to 10s, saw \"11s\""},
	{"hls, short part", "hls: {part: 99ms}", "1:13: hls.part: 99ms is less than 100ms; use 100ms to 1s"},
	{"hls, no time", "hls: {window: long}", "1:15: hls.window: expected a time from 0s to 1800s, saw \"long\""},
	{"hls, short window", "hls: {window: 9s}", "1:15: hls.window: 9s is less than 10s; use 10s to 30m0s"},
	{"hls, no folder", "hls: {folder: none}", "1:15: hls.folder: no folder is there; make it, or leave the line out for the system's temporary folder"},
	{"hls, a file for a folder", "hls: {folder: products.csv}", "1:15: hls.folder: no folder is there; make it, or leave the line out for the system's temporary folder"},
	{"hls, an address for an origin", "hls: {origins: [\"https://shop.example.com/\"]}", "1:17: hls.origins.1: text of 25 characters is no origin; " + hintOrigin},
	{"hls, a name for an origin", "hls: {origins: [shop.example.com]}", "1:17: hls.origins.1: \"shop.example.com\" is no origin; " + hintOrigin},
	{"hls, another scheme for an origin", "hls: {origins: [\"rtmp://a\"]}", "1:17: hls.origins.1: \"rtmp://a\" is no origin; " + hintOrigin},
}
