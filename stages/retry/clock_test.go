package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRealClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := Real.Now()
		if err := Real.Sleep(t.Context(), time.Minute); err != nil || Real.Now().Sub(began) != time.Minute {
			t.Errorf("slept %s, %v", Real.Now().Sub(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Real.Sleep(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || Real.Now().Sub(began) != 61*time.Second {
			t.Errorf("cut off after %s, %v", Real.Now().Sub(began), err)
		}
	})
}
