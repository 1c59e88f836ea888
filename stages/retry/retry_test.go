package retry

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestDelayGrows(t *testing.T) {
	for failed := range Tries {
		base := 500 * time.Millisecond << failed
		low, high := base*3/4, base*5/4
		spread := map[time.Duration]bool{}
		for range 200 {
			d := Delay(failed)
			if d < low || d > high {
				t.Fatalf("after %d failed tries: %s, want between %s and %s", failed, d, low, high)
			}
			spread[d] = true
		}
		if len(spread) < 2 {
			t.Errorf("after %d failed tries: no jitter", failed)
		}
	}
}

func TestSleep(t *testing.T) {
	if err := Sleep(t.Context(), time.Millisecond); err != nil {
		t.Errorf("undisturbed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestTemporary(t *testing.T) {
	want := map[int]bool{
		200: false, 201: false, 301: false, 304: false, 400: false, 401: false, 403: false, 404: false, 405: false,
		408: true, 409: false, 416: false, 422: false, 429: true, 499: false,
		500: true, 501: true, 502: true, 503: true, 504: true, 522: true,
	}
	for status, again := range want {
		if got := Temporary(status); got != again {
			t.Errorf("%d: got %t, want %t", status, got, again)
		}
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestAfter(t *testing.T) {
	tests := []struct {
		name, header string
		want         time.Duration
	}{
		{"none", "", 0},
		{"seconds", "2", 2 * time.Second},
		{"spaces around", " 120 ", 2 * time.Minute},
		{"zero", "0", 0},
		{"date", "Fri, 02 Jan 2026 12:00:30 GMT", 30 * time.Second},
		{"date gone by", "Fri, 02 Jan 2026 11:00:00 GMT", 0},
		{"negative", "-1", 0},
		{"fraction", "1.5", 0},
		{"largest", "4294967295", 4294967295 * time.Second},
		{"beyond", "99999999999999999999", 0},
		{"words", "soon", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp := &http.Response{Header: http.Header{"Retry-After": {test.header}}}
			if got := after(resp, noon); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	if got := after(nil, noon); got != 0 {
		t.Errorf("no answer: got %s, want 0", got)
	}
}

func FuzzAfter(f *testing.F) {
	for _, seed := range []string{"", "2", "Fri, 02 Jan 2026 12:00:30 GMT", "Friday, 02-Jan-99 12:00:30 GMT", "-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		resp := &http.Response{Header: http.Header{"Retry-After": {value}}}
		if got := after(resp, noon); got < 0 {
			t.Errorf("%q: negative wait %s", value, got)
		}
	})
}
