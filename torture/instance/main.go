// Command instance is one instance of the function, in the layout in which the
// functions buildpack builds it: it imports the root package and starts the
// framework. Settings come in by the environment: those of the function, PORT,
// and STATS, an address. At the latter it answers how much it has of what a leak
// would make more of; without it, it does not listen there.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/pullfix/pullfix" // registers the function
)

func main() {
	if err := serve(os.Getenv("PORT"), os.Getenv("STATS")); err != nil {
		fmt.Fprintf(os.Stderr, "instance: %v\n", err)
		os.Exit(1)
	}
}

func serve(port, statsAt string) error {
	ended := make(chan error, 2)
	if statsAt != "" {
		server := &http.Server{Addr: statsAt, Handler: http.HandlerFunc(stats), ReadHeaderTimeout: 5 * time.Second}
		go func() { ended <- server.ListenAndServe() }()
	}
	go func() { ended <- funcframework.StartHostPort("127.0.0.1", port) }()
	return <-ended
}

// stats answers with what is in use after what is not has been collected.
func stats(w http.ResponseWriter, _ *http.Request) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	_ = json.NewEncoder(w).Encode(map[string]uint64{"goroutines": uint64(runtime.NumGoroutine()), "heap": m.HeapAlloc})
}
