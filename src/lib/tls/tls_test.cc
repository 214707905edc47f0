#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <format>
#include <memory>

#include "lib/tls/authority.h"
#include "lib/tls/digest.h"
#include "lib/tls/signing_request.h"

namespace godwit::tls {
namespace {

using namespace std::chrono_literals;

const Validity kForYears{Time{1600000000s}, Time{4000000000s}};
const NodeId kNode{"i-0123456789abcdef0/6b1c5f6e-8d5c-4f57-9a53-2f4f4b7a1c11"};

struct FreeX509 {
  void operator()(X509* p) const { X509_free(p); }
};
using Certificate = std::unique_ptr<X509, FreeX509>;

Certificate parse(const std::string& pem) {
  BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Certificate certificate{PEM_read_bio_X509(memory, nullptr, nullptr, nullptr)};
  BIO_free(memory);
  return certificate;
}

// OpenSSL's own verdict on a chain of two, as a TLS peer would come to it at `at`.
int verify(const Identity& authority, const Identity& node, int purpose, time_t at) {
  X509_STORE* store = X509_STORE_new();
  const Certificate ca = parse(authority.certificate), leaf = parse(node.certificate);
  X509_STORE_add_cert(store, ca.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, leaf.get(), nullptr);
  X509_STORE_CTX_set_purpose(context, purpose);
  X509_STORE_CTX_set_time(context, 0, at);
  const int verdict =
      X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return verdict;
}

// What we issue must satisfy OpenSSL's verification, for both roles and only under our authority.
TEST(Authority, IssuesWhatItsOwnCertificateVerifies) {
  const Identity ours = make_authority("godwit test", kForYears).value();
  const Identity strangers = make_authority("godwit test", kForYears).value();
  const Identity node = issue(ours, kNode, {}, kForYears).value();
  EXPECT_EQ(verify(ours, node, X509_PURPOSE_SSL_SERVER, 1700000000), X509_V_OK);
  EXPECT_EQ(verify(ours, node, X509_PURPOSE_SSL_CLIENT, 1700000000), X509_V_OK);
  EXPECT_NE(verify(strangers, node, X509_PURPOSE_SSL_CLIENT, 1700000000), X509_V_OK);
  EXPECT_EQ(verify(ours, node, X509_PURPOSE_SSL_CLIENT, 1500000000), X509_V_ERR_CERT_NOT_YET_VALID);
  EXPECT_EQ(verify(ours, node, X509_PURPOSE_SSL_CLIENT, 4100000000), X509_V_ERR_CERT_HAS_EXPIRED);
}

// A node must not be able to make nodes: its certificate is no authority's.
TEST(Authority, NodesIssueNothingThatVerifies) {
  const Identity ours = make_authority("godwit test", kForYears).value();
  const Identity node = issue(ours, kNode, {}, kForYears).value();
  const Identity forged = issue(node, NodeId{"control"}, {}, kForYears).value();
  EXPECT_NE(verify(node, forged, X509_PURPOSE_SSL_CLIENT, 1700000000), X509_V_OK);
}

// The names in a certificate are the node's, both ways of asking.
TEST(Authority, NamesTheNodeTwice) {
  const Identity ours = make_authority("godwit test", kForYears).value();
  const Identity node = issue(ours, kNode, {"localhost", "192.0.2.1"}, kForYears).value();
  EXPECT_EQ(common_name(node.certificate), kNode.value);
  const Certificate leaf = parse(node.certificate);
  const auto answers_to = [&](const std::string& name) {
    return X509_check_host(leaf.get(), name.data(), name.size(), 0, nullptr) == 1;
  };
  EXPECT_TRUE(answers_to(server_name(kNode)));
  EXPECT_TRUE(answers_to("localhost"));
  EXPECT_FALSE(answers_to(server_name(NodeId{"i-0123456789abcdef0/other"})));
  EXPECT_EQ(X509_check_ip_asc(leaf.get(), "192.0.2.1", 0), 1);
  EXPECT_NE(server_name(NodeId{"a"}), server_name(NodeId{"A"}));
}

// Bad input is an Error that says what is wrong.
TEST(Authority, RefusesBadInput) {
  const Identity ours = make_authority("godwit test", kForYears).value();
  const Identity strangers = make_authority("godwit test", kForYears).value();
  EXPECT_EQ(make_authority("", kForYears).error().code, Code::kInvalidArgument);
  EXPECT_EQ(issue(ours, NodeId{std::string(65, 'x')}, {}, kForYears).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(issue(ours, kNode, {"a,DNS:b"}, kForYears).error().code, Code::kInvalidArgument);
  EXPECT_EQ(issue(ours, kNode, {"999.1.1.1"}, kForYears).error().code, Code::kInvalidArgument);
  EXPECT_EQ(issue({"garbage", ours.key}, kNode, {}, kForYears).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(issue({ours.certificate, strangers.key}, kNode, {}, kForYears).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(common_name("garbage").error().code, Code::kInvalidArgument);
}

// A signed request must be as good as an issued certificate, for its own key and the signer's name.
TEST(SigningRequest, IsSignedForItsKeyUnderTheSignersName) {
  const Identity ours = make_authority("godwit test", kForYears).value();
  const SigningRequest made = make_request().value();
  const Identity node{sign_request(ours, made.request, kNode, kForYears).value(), made.key};
  EXPECT_EQ(verify(ours, node, X509_PURPOSE_SSL_SERVER, 1700000000), X509_V_OK);
  EXPECT_EQ(verify(ours, node, X509_PURPOSE_SSL_CLIENT, 1700000000), X509_V_OK);
  EXPECT_EQ(common_name(node.certificate), kNode.value);
  EXPECT_TRUE(is_pair(node));
  EXPECT_FALSE(is_pair({node.certificate, make_request()->key}));
  EXPECT_FALSE(is_pair({node.certificate, ""}));
  // A key is known again by its hash, whatever request it comes in.
  const std::string hash = key_sha256(made.request).value();
  EXPECT_EQ(hash.size(), 64u);
  EXPECT_EQ(key_sha256(request_for(made.key).value()), hash);
  EXPECT_NE(key_sha256(make_request()->request), hash);
}

// Of a request only the key counts: the names that it asks for are not in the certificate.
TEST(SigningRequest, TakesNoNameFromTheRequest) {
  const Identity ours = make_authority("godwit test", kForYears).value();
  const SigningRequest made = make_request().value();
  BIO* memory = BIO_new_mem_buf(made.key.data(), static_cast<int>(made.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  X509_REQ* request = X509_REQ_new();
  X509_REQ_set_pubkey(request, key);
  const auto* name = reinterpret_cast<const unsigned char*>("control");
  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8, name, -1, -1,
                             0);
  X509_REQ_sign(request, key, EVP_sha256());
  memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(memory, request);
  char* start = nullptr;
  const long size = BIO_get_mem_data(memory, &start);
  const std::string asks(start, static_cast<std::size_t>(size));
  // Signed by another key: whoever sends it need not have this one.
  EVP_PKEY* other = EVP_EC_gen("P-256");
  X509_REQ_sign(request, other, EVP_sha256());
  BIO_reset(memory);
  PEM_write_bio_X509_REQ(memory, request);
  const long size2 = BIO_get_mem_data(memory, &start);
  const std::string borrowed(start, static_cast<std::size_t>(size2));
  BIO_free(memory);
  X509_REQ_free(request);
  EVP_PKEY_free(key);
  EVP_PKEY_free(other);

  EXPECT_EQ(key_sha256(asks), key_sha256(made.request));
  const std::string certificate = sign_request(ours, asks, kNode, kForYears).value();
  EXPECT_EQ(common_name(certificate), kNode.value);
  EXPECT_EQ(sign_request(ours, borrowed, kNode, kForYears).error().code, Code::kInvalidArgument);
  EXPECT_EQ(key_sha256(borrowed).error().code, Code::kInvalidArgument);
}

TEST(SigningRequest, RefusesBadInput) {
  const Identity ours = make_authority("godwit test", kForYears).value();
  const std::string request = make_request()->request;
  for (const std::string& bad : {std::string{}, std::string{"garbage"}, ours.certificate,
                                 request.substr(0, request.size() / 2), ours.key}) {
    EXPECT_EQ(key_sha256(bad).error().code, Code::kInvalidArgument) << bad;
    EXPECT_EQ(sign_request(ours, bad, kNode, kForYears).error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(sign_request(ours, request, NodeId{}, kForYears).error().code, Code::kInvalidArgument);
  EXPECT_EQ(request_for("garbage").error().code, Code::kInvalidArgument);
  // A key of another kind.
  EVP_PKEY* rsa = EVP_RSA_gen(1024);
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(memory, rsa, nullptr, nullptr, 0, nullptr, nullptr);
  char* start = nullptr;
  const long size = BIO_get_mem_data(memory, &start);
  const std::string key(start, static_cast<std::size_t>(size));
  BIO_free(memory);
  EVP_PKEY_free(rsa);
  EXPECT_EQ(key_sha256(request_for(key).value()).error().code, Code::kInvalidArgument);
}

// Known answers of FIPS 180-2, from memory and from a file.
TEST(Digest, AgreesWithTheStandard) {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256("abc"), abc);
  Sha256 pieces;
  pieces.add("a");
  pieces.add("");
  pieces.add("bc");
  EXPECT_EQ(pieces.end(), abc);
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

  const std::string path = std::format("{}/digest_test.{}", testing::TempDir(), getpid());
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("abc", file);
  std::fclose(file);
  EXPECT_EQ(sha256_of_file(path), abc);
  std::remove(path.c_str());
  EXPECT_EQ(sha256_of_file(path).error().code, Code::kNotFound);
}

TEST(Digest, KeysAreHexAndNeverTheSame) {
  const std::string a = random_key().value(), b = random_key().value();
  EXPECT_EQ(a.size(), 64u);
  EXPECT_EQ(a.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace godwit::tls
