package hrana

import (
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The structures of the protocol, as far as they are needed.

type pipeline struct {
	Baton    *string   `json:"baton"`
	Requests []request `json:"requests"`
}

type request struct {
	Type  string `json:"type"`
	Stmt  *stmt  `json:"stmt,omitempty"`
	Batch *batch `json:"batch,omitempty"`
}

var (
	closeStream   = request{Type: "close"}
	getAutocommit = request{Type: "get_autocommit"} // since version 3
)

type stmt struct {
	SQL   string     `json:"sql"`
	Args  []value    `json:"args,omitempty"`
	Named []namedArg `json:"named_args,omitempty"`
}

type namedArg struct {
	Name  string `json:"name"`
	Value value  `json:"value"`
}

type value struct {
	Type   string  `json:"type"`
	Value  any     `json:"value,omitempty"`
	Base64 *string `json:"base64,omitempty"`
}

type batch struct {
	Steps []step `json:"steps"`
}

type step struct {
	Cond *cond `json:"condition,omitempty"`
	Stmt *stmt `json:"stmt"`
}

type cond struct {
	Type  string  `json:"type"`
	Step  *int    `json:"step,omitempty"`
	Cond  *cond   `json:"cond,omitempty"`
	Conds []*cond `json:"conds,omitzero"`
}

var (
	neverRun      = &cond{Type: "or", Conds: []*cond{}}
	inTransaction = not(&cond{Type: "is_autocommit"}) // since version 3
)

func wentWell(i int) *cond      { return &cond{Type: "ok", Step: &i} }
func not(c *cond) *cond         { return &cond{Type: "not", Cond: c} }
func both(a, b *cond) *cond     { return &cond{Type: "and", Conds: []*cond{a, b}} }
func execute(s *stmt) request   { return request{Type: "execute", Stmt: s} }
func steps(s ...step) request   { return request{Type: "batch", Batch: &batch{s}} }
func sqlText(text string) *stmt { return &stmt{SQL: text} }

type reply struct {
	Baton   string   `json:"baton"`
	BaseURL string   `json:"base_url"`
	Results []result `json:"results"`
}

type result struct {
	Response struct {
		Result     response `json:"result"`
		Autocommit bool     `json:"is_autocommit"`
	} `json:"response"`
	Error *wireError `json:"error"`
}

// response is the answer to a statement or to a batch.
type response struct {
	stmtResult
	StepResults []*stmtResult `json:"step_results"`
	StepErrors  []*wireError  `json:"step_errors"`

	Index json.RawMessage `json:"replication_index"` // of the last change that was seen
}

// index returns where in its log the server was, 0 where it did not tell.
func (r *result) index() uint64 {
	n, _ := strconv.ParseUint(strings.Trim(string(r.Response.Result.Index), `"`), 10, 64)
	return n
}

type stmtResult struct {
	Cols []struct {
		Name     string `json:"name"`
		Decltype string `json:"decltype"`
	} `json:"cols"`
	Rows     [][]cell `json:"rows"`
	Affected int64    `json:"affected_row_count"`
	RowID    string   `json:"last_insert_rowid"`

	Milliseconds float64 `json:"query_duration_ms"`
}

// A cell is a value of a row. It is decoded late, when it is known what the
// error would be of.
type cell struct {
	Type   string          `json:"type"`
	Value  json.RawMessage `json:"value"`
	Base64 string          `json:"base64"`
}

type wireError struct {
	Message string `json:"message"`
	Code    string `json:"code"`
}

// outcome is what became of one step of a batch, or of one statement. A step
// that was skipped has neither a result nor an error.
type outcome struct {
	res *stmtResult
	err error
}

func (r *result) outcome() outcome {
	if r.Error != nil {
		return outcome{err: r.Error.err()}
	}
	return outcome{res: &r.Response.Result.stmtResult}
}

// batch returns the outcomes of n steps. The error is one of the whole batch.
func (r *result) batch(n int) ([]outcome, error) {
	if r.Error != nil {
		return nil, r.Error.err()
	}
	b := r.Response.Result
	if len(b.StepResults) != n || len(b.StepErrors) != n {
		return nil, errNotHrana
	}
	list := make([]outcome, n)
	for i := range list {
		list[i].res = b.StepResults[i]
		if e := b.StepErrors[i]; e != nil {
			list[i] = outcome{err: e.err()}
		}
	}
	return list, nil
}

var errNotHrana = errors.New("the answer is not one of a libSQL server")

// newStmt makes a statement of a text and its arguments.
func newStmt(text string, args []driver.NamedValue) (*stmt, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("the statement is not UTF-8")
	}
	s := sqlText(text)
	for _, a := range args {
		v, err := encode(a.Value)
		switch {
		case err != nil && a.Name != "":
			return nil, fmt.Errorf("argument %s: %w", a.Name, err)
		case err != nil:
			return nil, fmt.Errorf("argument %d: %w", a.Ordinal, err)
		case a.Name != "":
			s.Named = append(s.Named, namedArg{a.Name, v})
		default:
			s.Args = append(s.Args, v)
		}
	}
	return s, nil
}

// encode turns an argument into a value of the protocol. A time is text, as
// go-libsql writes it.
func encode(v driver.Value) (value, error) {
	switch v := v.(type) {
	case nil:
		return value{Type: "null"}, nil
	case int64:
		return value{Type: "integer", Value: strconv.FormatInt(v, 10)}, nil
	case bool:
		if v {
			return value{Type: "integer", Value: "1"}, nil
		}
		return value{Type: "integer", Value: "0"}, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return value{}, errors.New("the protocol has no NaN and no infinity")
		}
		return value{Type: "float", Value: v}, nil
	case string:
		if !utf8.ValidString(v) {
			return value{}, errors.New("the text is not UTF-8; pass it as []byte")
		}
		return value{Type: "text", Value: v}, nil
	case []byte:
		if v == nil {
			return value{Type: "null"}, nil
		}
		s := base64.StdEncoding.EncodeToString(v)
		return value{Type: "blob", Base64: &s}, nil
	case time.Time:
		return value{Type: "text", Value: v.Format(time.RFC3339Nano)}, nil
	}
	return value{}, fmt.Errorf("a %T is no value of SQLite", v)
}

// decode returns nil, int64, float64, string or []byte.
func (c *cell) decode() (driver.Value, error) {
	switch c.Type {
	case "null":
		return nil, nil
	case "integer":
		return strconv.ParseInt(strings.Trim(string(c.Value), `"`), 10, 64)
	case "float":
		if string(c.Value) == "null" {
			return nil, errors.New("the protocol cannot carry an infinite number")
		}
		return strconv.ParseFloat(string(c.Value), 64)
	case "text":
		var s string
		err := json.Unmarshal(c.Value, &s)
		return s, err
	case "blob":
		return base64.RawStdEncoding.DecodeString(strings.TrimRight(c.Base64, "="))
	}
	return nil, fmt.Errorf("the server sent a value of the unknown type %q", c.Type)
}

// decodeRow fills dest.
func decodeRow(dest []driver.Value, row []cell) error {
	if len(row) != len(dest) {
		return errNotHrana
	}
	for i := range row {
		v, err := row[i].decode()
		if err != nil {
			return err
		}
		dest[i] = v
	}
	return nil
}

func (r *stmtResult) rows() ([][]driver.Value, error) {
	if len(r.Rows) == 0 {
		return nil, nil
	}
	list := make([][]driver.Value, len(r.Rows))
	for i, row := range r.Rows {
		list[i] = make([]driver.Value, len(r.Cols))
		if err := decodeRow(list[i], row); err != nil {
			return nil, err
		}
	}
	return list, nil
}
