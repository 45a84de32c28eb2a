// A grpc-go server that answers every unary call by its address and reports its load out of band, by the orca package of grpc-go. Each
// line of standard input is a load that it reports from then on: requests per second, utilization and errors per second, or "nothing".
// Ends with standard input.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/orca"
)

func report(event string, fields map[string]any) {
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func main() {
	certificate := flag.String("cert", "", "PEM file; with it the server speaks TLS")
	key := flag.String("key", "", "PEM file")
	withoutReports := flag.Bool("without-reports", false, "the service is not registered")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	calls := 0
	counted := make(chan struct{}, 1)
	counted <- struct{}{}
	options := []grpc.ServerOption{grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			<-counted
			calls++
			counted <- struct{}{}
			return handler(ctx, request)
		})}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	}
	server := grpc.NewServer(options...)
	healthpb.RegisterHealthServer(server, health.NewServer())
	recorder := orca.NewServerMetricsRecorder()
	if !*withoutReports {
		if err := orca.Register(server, orca.ServiceOptions{ServerMetricsProvider: recorder}); err != nil {
			log.Fatal(err)
		}
	}
	go func() {
		if err := server.Serve(listener); err != nil {
			log.Fatal(err)
		}
	}()
	report("listening", map[string]any{"port": listener.Addr().(*net.TCPAddr).Port, "version": grpc.Version})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var rps, utilization, eps float64
		switch _, err := fmt.Sscan(lines.Text(), &rps, &utilization, &eps); {
		case lines.Text() == "calls":
			<-counted
			report("calls", map[string]any{"calls": calls})
			calls = 0
			counted <- struct{}{}
		case err == nil:
			recorder.SetQPS(rps)
			recorder.SetApplicationUtilization(utilization)
			recorder.SetEPS(eps)
			recorder.SetNamedUtilization("queue", 0.7)
			report("told", map[string]any{"load": lines.Text()})
		default:
			recorder.DeleteQPS()
			report("told", map[string]any{"load": "nothing"})
		}
	}
	server.Stop()
}
