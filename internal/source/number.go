package source

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nextDigits returns the number that comes after last, written as last is: one
// more, or the time now. It is above floor.
func nextDigits(last string, floor int64, now time.Time) (string, error) {
	n, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return "", fmt.Errorf("the number %q is not between 0 and %d", last, int64(1<<63-1))
	}
	if floor = max(floor, n); floor == 1<<63-1 {
		return "", fmt.Errorf("there is no number above %d", floor)
	}
	for _, c := range clocks {
		at, ok := c.read(last)
		if !ok {
			continue
		}
		// Whoever made the last one may have another clock.
		for _, t := range []time.Time{now.UTC(), at.Add(c.step)} {
			digits := c.write(t)
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > floor && !t.Before(at) {
				return digits, nil
			}
		}
	}
	return fmt.Sprintf("%0*d", len(last), floor+1), nil
}

// A clock is a manner of writing a time as a number.
type clock struct {
	step  time.Duration
	read  func(digits string) (time.Time, bool)
	write func(time.Time) string
}

const toTheSecond = "20060102150405"

var clocks = []clock{
	calendar(toTheSecond, time.Second),
	calendar("200601021504", time.Minute),
	// A date alone is not above that of another migration of the day; with the time
	// it is, in the order of numbers and in that of texts.
	{time.Second, calendar("20060102", 0).read, calendar(toTheSecond, 0).write},
	since1970(10, time.Second),
	since1970(13, time.Millisecond),
}

func calendar(layout string, step time.Duration) clock {
	return clock{step, func(digits string) (time.Time, bool) {
		at, err := time.Parse(layout, digits)
		return at, err == nil && at.Year() >= 1970 && at.Year() < 2100
	}, func(at time.Time) string { return at.Format(layout) }}
}

// since1970 takes a number for a time from 2001 on, but not if it begins with 20:
// that is rather a date.
func since1970(width int, unit time.Duration) clock {
	return clock{unit, func(digits string) (time.Time, bool) {
		n, err := strconv.ParseInt(digits, 10, 64)
		return time.Unix(0, 0).UTC().Add(time.Duration(n) * unit), err == nil && len(digits) == width && digits[0] == '1'
	}, func(at time.Time) string { return strconv.FormatInt(at.UnixMilli()/unit.Milliseconds(), 10) }}
}

// nextVersion does the same for Flyway's versions of several parts: the last part
// counts, or all of them are a date.
func nextVersion(last string, now time.Time) (string, error) {
	isSeparator := func(r rune) bool { return r == '.' || r == '_' }
	separator := string(last[strings.IndexFunc(last, isSeparator)])
	parts := strings.FieldsFunc(last, isSeparator)
	today := strings.Split(now.UTC().Format("2006.01.02.15.04.05"), ".")
	numbers := func(parts []string) (list []int) {
		for _, p := range parts {
			n, _ := strconv.Atoi(p)
			list = append(list, n)
		}
		return list
	}
	if n := len(parts); n >= 3 && n <= 6 && len(parts[0]) == 4 && slices.Compare(numbers(today[:n]), numbers(parts)) > 0 {
		return strings.Join(today[:n], separator), nil
	}
	end := &parts[len(parts)-1]
	*end = fmt.Sprintf("%0*d", len(*end), numbers(parts)[len(parts)-1]+1)
	if _, _, why := flywayNumber(strings.Join(parts, ".")); why != "" {
		return "", errors.New(why)
	}
	return strings.Join(parts, separator), nil
}
