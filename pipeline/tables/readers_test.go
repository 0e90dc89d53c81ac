package tables

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/pipeline"
)

// python runs a script with a folder as its argument, by $SLUICE_PYTHON if that is
// set (`make test` installs one). Where the modules that it needs are missing, the
// test is skipped, or fails if SLUICE_REQUIRE_PYTHON=1.
func python(t *testing.T, dir, modules, script string) string {
	t.Helper()
	program := cmp.Or(os.Getenv("SLUICE_PYTHON"), "python3")
	if exec.Command(program, "-c", "import "+modules).Run() != nil {
		why := program + " with " + modules + " is not installed"
		if os.Getenv("SLUICE_REQUIRE_PYTHON") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	out, err := exec.Command(program, "-c", script, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// foreign writes a file with what pyarrow has: types, encodings, null pages.
const foreign = `
import sys, datetime, decimal, pyarrow as pa, pyarrow.parquet as pq
n = 3000
D = decimal.Decimal
url = [None if i % 13 == 0 else f"https://h.example/{i//3}/x{i}.jpg" for i in range(n)]
day = datetime.datetime(2020, 1, 1)
times = [day + datetime.timedelta(seconds=i) for i in range(n)]
cols = {
  'url': pa.array(url), 'large': pa.array(url, pa.large_string()),
  'bin': pa.array([u.encode() if u else None for u in url]),
  'ts': pa.array(times, pa.timestamp('us')), 'ts_utc': pa.array(times, pa.timestamp('ms', tz='UTC')),
  'ts_ns': pa.array([None if i % 3 else i * 1000003 for i in range(n)], pa.timestamp('ns')),
  'date': pa.array([d.date() for d in times]), 'time': pa.array([d.time() for d in times], pa.time64('us')),
  'dec': pa.array([D(i - 1000) / 100 for i in range(n)], pa.decimal128(12, 2)),
  'dec_big': pa.array([None if i < 2000 else D(2500 - i) * 10**20 for i in range(n)], pa.decimal128(38, 2)),
  'f16': pa.array([float(i % 100 - 50) for i in range(n)], pa.float32()).cast(pa.float16()),
  'f32': pa.array([i / 7 for i in range(n)], pa.float32()), 'f64': pa.array([None if i % 9 == 0 else i / 7 for i in range(n)]),
  'u8': pa.array([i % 256 for i in range(n)], pa.uint8()), 'u32': pa.array([2**32 - 1 - i for i in range(n)], pa.uint32()),
  'u64': pa.array([2**64 - 1 - i for i in range(n)], pa.uint64()), 'i8': pa.array([i % 128 - 64 for i in range(n)], pa.int8()),
  'b': pa.array([None if i % 5 == 0 else i % 2 == 0 for i in range(n)]),
  'fsb': pa.array([bytes([i % 256] * 7) for i in range(n)], pa.binary(7)),
  'nul': pa.nulls(n), 'allnull': pa.array([None] * n, pa.string()),
  'status': pa.array([f"s{i}" for i in range(n)]), 'Width': pa.array(list(range(n)), pa.int32()),
}
t = pa.table(cols)
d = sys.argv[1] + '/'
for version in '1.0', '2.0':
  for codec in 'none', 'snappy', 'gzip', 'brotli', 'zstd':
    pq.write_table(t, f'{d}plain-{version}-{codec}.parquet', compression=codec, data_page_version=version,
      row_group_size=1100, data_page_size=4000, write_page_index=True)
strings, ints = ['url', 'large', 'bin', 'allnull', 'status'], ['ts', 'ts_utc', 'ts_ns', 'date', 'time', 'u8', 'u32', 'u64', 'i8', 'Width']
enc = {c: 'DELTA_BYTE_ARRAY' for c in strings + ['fsb', 'dec_big']}
enc |= {c: 'DELTA_BINARY_PACKED' for c in ints} | {c: 'BYTE_STREAM_SPLIT' for c in ('f32', 'f64')} | {'b': 'RLE'}
pq.write_table(t, d + 'delta.parquet', use_dictionary=False, column_encoding=enc, data_page_size=4000, data_page_version='2.0')
pq.write_table(t, d + 'lengths.parquet', use_dictionary=False, column_encoding={c: 'DELTA_LENGTH_BYTE_ARRAY' for c in strings},
  data_page_size=4000, write_page_checksum=True)
pq.write_table(t.select(['url', 'ts', 'status', 'Width']), d + 'int96.parquet', use_deprecated_int96_timestamps=True)
`

// compare holds the manifests against the files that they were made from.
const compare = `
import sys, glob, os, duckdb, pyarrow as pa, pyarrow.parquet as pq
fixed = [('file','string'),('row','int64'),('source','string'),('status','string'),('error_class','string'),('error','string'),
  ('http_status','int32'),('key','string'),('format','string'),('width','int32'),('height','int32'),('bytes','int64'),
  ('sha256','string'),('source_format','string'),('source_width','int32'),('source_height','int32'),('source_bytes','int64'),
  ('attempts','int32'),('fetch_ms','double'),('process_ms','double'),('store_ms','double'),('final_url','string')]
required = {'file', 'row', 'status', 'attempts'}
d = sys.argv[1]
files = sorted(glob.glob(d + '/*.parquet'))
assert len(files) == 13, files
for f in files:
  m = d + '/out/' + os.path.basename(f)
  a, b = pq.read_table(f), pq.read_table(m)
  assert [(x.name, str(x.type)) for x in b.schema][:len(fixed)] == fixed, b.schema
  assert {x.name for x in b.schema if not x.nullable} & {n for n, _ in fixed} == required
  assert b['source'].to_pylist() == a['url'].to_pylist() and b['row'].to_pylist() == list(range(len(a)))
  for c in a.column_names:
    n = {'status': 'input_status', 'Width': 'input_Width'}.get(c, c)
    x, y = a[c], b[n]
    assert str(x.type).replace('large_', '') == str(y.type), (f, c, x.type, y.type)
    if pa.types.is_timestamp(x.type): x, y = x.cast(pa.int64()), y.cast(pa.int64())
    assert x.to_pylist() == y.to_pylist(), (f, c)
  q = lambda p, where: duckdb.sql(f"select count(*) from read_parquet('{p}') where {where}").fetchall()[0][0]
  assert q(m, "status = 'ok' and error is null and fetch_ms is null") == len(a)
  for where in ["dec = -10.00", "dec_big < 0", "dec_big > 0", "f16 < -49", "u64 > 18446744073709551610", "u32 = 4294967295",
      "ts > '2020-01-01 00:40:00'", "url like '%x77.jpg'", "bin = 'https://h.example/2/x7.jpg'::blob", "fsb = '\\x01\\x01\\x01\\x01\\x01\\x01\\x01'::blob", "i8 = -64", "f64 > 400"]:
    if where.split()[0] in a.column_names:
      assert q(f, where) == q(m, where) > 0, (f, where, q(f, where), q(m, where))
  assert set(pq.read_schema(m).metadata) == {b'sluice.partition', b'sluice.counts'}
print(len(files), 'files')
`

// Files of pyarrow become manifests that pyarrow and DuckDB read, with the same
// values of the same types, and find by the same conditions.
func TestOtherReadersAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts Python twice, over 13 files")
	}
	dir := t.TempDir()
	python(t, dir, "pyarrow, duckdb", foreign)
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := newMemory()
		p := whole(m.put("in.parquet", body), 3000)
		tab, err := New().Open(ctx, m, p, pipeline.Spec{Column: "url"})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := collect(tab, everything())
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		var outcomes []pipeline.Outcome
		for _, r := range rows {
			outcomes = append(outcomes, pipeline.Outcome{Row: r.Number, Source: r.Source, Status: pipeline.OK, Columns: r.Columns})
		}
		manifest, _ := merged(t, m, putParts(t, m, tab, outcomes, 700), p)
		tab.Close()
		if err := os.WriteFile(filepath.Join(dir, "out", filepath.Base(file)), manifest, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(python(t, dir, "pyarrow, duckdb", compare))
}
