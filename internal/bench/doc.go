// Package bench measures sluice against the least that the same job takes, on
// the photographs of the demo: `make bench`. It holds benchmarks only.
//
// Contenders run in turns within one benchmark, so that whatever else the
// machine does meets all of them, and each is compared with the first of its
// own round. The lines are what benchstat reads:
//
//	images/s:NAME   the median over the rounds
//	NAME/BASE       the median over the rounds of the two rates' ratio
//	NAME/BASE:cpu   the same of images a CPU second
//	cpu-ms:NAME     CPU time an image, of all processes that took part
//
// What the project promises of these is held to: a benchmark that falls short
// fails. SLUICE_BENCH_ROWS=100 does few rows of each, to see that it works.
//
// More rounds (-benchtime 5x) make the medians firmer.
package bench
