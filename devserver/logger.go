package main

import (
	"os"

	"go.temporal.io/server/common/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logger writes the server's log to stderr.
//
// At its own default, warn, a healthy server warns on every start (its HTTP API
// is off) and on every stop (its own workers lose their polls one by one). A
// reader cannot tell these from trouble, so quiet raises the level to error for
// that time. Who asks for info or debug gets everything.
type logger struct {
	log.Logger
	level  zap.AtomicLevel
	wanted zapcore.Level
}

func newLogger(level string) *logger {
	wanted := log.ParseZapLevel(level)
	atomic := zap.NewAtomicLevelAt(wanted)
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.ISO8601TimeEncoder
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), zapcore.Lock(os.Stderr), atomic)
	return &logger{Logger: log.NewZapLogger(zap.New(core)), level: atomic, wanted: wanted}
}

func (l *logger) quiet() {
	if l.wanted == zapcore.WarnLevel {
		l.level.SetLevel(zapcore.ErrorLevel)
	}
}

func (l *logger) normal() { l.level.SetLevel(l.wanted) }
