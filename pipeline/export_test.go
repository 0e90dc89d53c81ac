package pipeline

// NameAtOnce has Collect go over an output in shares of so many keys until the
// test has ended.
func NameAtOnce(n int64, cleanup func(func())) {
	was := namedAtOnce
	namedAtOnce = n
	cleanup(func() { namedAtOnce = was })
}
