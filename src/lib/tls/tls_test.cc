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

// Known answers of FIPS 180-2, from memory and from a file.
TEST(Digest, AgreesWithTheStandard) {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256("abc"), abc);
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
