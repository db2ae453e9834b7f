// Package simulcart is the root of the repository: it holds no code, only the tests that hold the whole tree to its rules
// (who may import whom, and how large things may grow). The program is in cmd/simulcart.
package simulcart
