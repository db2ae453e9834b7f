module github.com/simulcart/simulcart

go 1.26
