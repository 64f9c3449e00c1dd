// azidentity, Microsoft's client of Entra for Go: a secret, tokens that are verified with the published keys, the Fabric
// API, and SQL by go-mssqldb, which asks it for its token. Argument: the emulator's ready-file.
//
// It asks login.microsoftonline.com which authorities there are: the test's proxy leads it to the emulator.
package main

import (
	"context"
	"crypto/rsa"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"
	"github.com/microsoft/go-mssqldb/azuread"
)

var ready struct {
	SQL struct {
		Host string
		Port int
	}
	Entra struct {
		Authority string `json:"authority_host"`
		Tenant    string `json:"tenant_id"`
		Client    string `json:"client_id"`
		Secret    string `json:"client_secret"`
	}
	Fabric struct{ Endpoint string }
	CA     string `json:"ca_certificate_file"`
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func ensure(is bool, format string, values ...any) {
	if !is {
		panic(fmt.Sprintf(format, values...))
	}
}

func credential(authority, secret string) *azidentity.ClientSecretCredential {
	options := azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: authority},
	}}
	made, err := azidentity.NewClientSecretCredential(ready.Entra.Tenant, ready.Entra.Client, secret, &options)
	check(err)
	return made
}

func token(from *azidentity.ClientSecretCredential, scope string) string {
	got, err := from.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{scope}})
	check(err)
	return got.Token
}

func read(address string, into any) {
	answer, err := http.Get(address)
	check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	check(err)
	ensure(answer.StatusCode == 200, "%s: %s", address, text)
	check(json.Unmarshal(text, into))
}

func number(text string) *big.Int {
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	check(err)
	return new(big.Int).SetBytes(bytes)
}

// The key that a token names, out of the published ones.
func published(found *jwt.Token) (any, error) {
	var metadata struct {
		Keys string `json:"jwks_uri"`
	}
	read(ready.Entra.Authority+"/"+ready.Entra.Tenant+"/v2.0/.well-known/openid-configuration", &metadata)
	var set struct {
		Keys []struct{ Kid, N, E string }
	}
	read(metadata.Keys, &set)
	for _, key := range set.Keys {
		if key.Kid == found.Header["kid"] {
			return &rsa.PublicKey{N: number(key.N), E: int(number(key.E).Int64())}, nil
		}
	}
	return nil, fmt.Errorf("no key %v", found.Header["kid"])
}

func verify(text, audience string) {
	_, err := jwt.Parse(text, published, jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(audience),
		jwt.WithIssuedAt(), jwt.WithExpirationRequired(),
		jwt.WithIssuer("https://sts.windows.net/"+ready.Entra.Tenant+"/"))
	check(err)
}

func workspaces(bearer string) (int, string) {
	request, err := http.NewRequest("GET", ready.Fabric.Endpoint+"/v1/workspaces", nil)
	check(err)
	request.Header.Set("Authorization", "Bearer "+bearer)
	answer, err := http.DefaultClient.Do(request)
	check(err)
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("x-ms-public-api-error-code")
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	check(json.Unmarshal(text, &ready))

	for _, authority := range []string{ready.Entra.Authority, "https://login.microsoftonline.com"} {
		from := credential(authority, ready.Entra.Secret)
		for _, audience := range []string{
			"https://api.fabric.microsoft.com", "https://analysis.windows.net/powerbi/api",
			"https://storage.azure.com", "https://management.azure.com", "https://database.windows.net/",
		} {
			got := token(from, audience+"/.default")
			verify(got, audience)
			status, code := workspaces(got)
			if strings.Contains(audience, "fabric") || strings.Contains(audience, "powerbi") {
				ensure(status == 200, "%s: %d %s", audience, status, code)
			} else {
				ensure(status == 401 && code == "InvalidToken", "%s: %d %s", audience, status, code)
			}
		}
	}
	_, err = credential(ready.Entra.Authority, "wrong").GetToken(context.Background(),
		policy.TokenRequestOptions{Scopes: []string{"https://api.fabric.microsoft.com/.default"}})
	ensure(err != nil && strings.Contains(err.Error(), "AADSTS7000215"), "a wrong secret: %v", err)

	// The server says where its tokens come from.
	query := url.Values{"database": {"Sales"}, "encrypt": {"true"}, "certificate": {ready.CA},
		"fedauth": {azuread.ActiveDirectoryServicePrincipal}}
	address := url.URL{Scheme: "sqlserver", User: url.UserPassword(ready.Entra.Client, ready.Entra.Secret),
		Host: fmt.Sprintf("%s:%d", ready.SQL.Host, ready.SQL.Port), RawQuery: query.Encode()}
	db, err := sql.Open(azuread.DriverName, address.String())
	check(err)
	var regions int
	check(db.QueryRow("SELECT COUNT(*) FROM sales.Regions").Scan(&regions))
	ensure(regions == 3, "%d regions", regions)
	fmt.Println("ok")
}
