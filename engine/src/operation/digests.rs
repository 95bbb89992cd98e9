//! What proves bytes: the digests that a store declares of an object, and those of the bytes
//! that passed through us.
//!
//! A store declares an MD5 by an ETag of 32 hexadecimal digits, except under a key service; and
//! the checksums of all bytes in their order. An ETag or a checksum of parts is made of the
//! digests of parts whose bounds no head tells, so it proves nothing here: of an object that has
//! no other, only the length is compared.

use std::hash::Hasher as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use brigade_model::ETag;
use brigade_model::operation::DigestAlgorithm;
use brigade_model::ports::object_store::ObjectHead;
use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};
use ring::digest;
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use super::effect_check::Content;

/// Digests of the same bytes, one of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Digests(Vec<(DigestAlgorithm, Vec<u8>)>);

impl Digests {
    /// What a store declares of all bytes of an object.
    pub(super) fn declared(head: &ObjectHead) -> Self {
        let mut declared = Self::declared_by(head.etag.as_ref(), head.sse.as_deref());
        let of_whole = head.checksums.iter().filter(|checksum| checksum.is_of_whole);
        declared.0.extend(of_whole.filter_map(|checksum| {
            let kind = DigestAlgorithm::from(checksum.algorithm);
            let value = BASE64_STANDARD.decode(&checksum.value).ok()?;
            (value.len() == kind.bytes()).then_some((kind, value))
        }));
        declared
    }

    /// What an ETag declares.
    pub(super) fn declared_by(etag: Option<&ETag>, sse: Option<&str>) -> Self {
        let is_readable = sse.is_none_or(|sse| sse == "AES256");
        let md5 = etag.filter(|_| is_readable).and_then(|etag| hex::decode(etag.unquoted()).ok());
        Self(
            md5.filter(|md5| md5.len() == DigestAlgorithm::Md5.bytes())
                .map(|md5| (DigestAlgorithm::Md5, md5))
                .into_iter()
                .collect(),
        )
    }

    /// Whether nothing is declared that could be compared.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is declared otherwise than these digests are, in words.
    pub(super) fn difference(&self, declared: &Digests) -> Option<String> {
        let differs = |(kind, value): &&(DigestAlgorithm, Vec<u8>)| self.of(*kind).is_some_and(|own| own != value);
        let (kind, value) = declared.0.iter().find(differs)?;
        let own = hex::encode(self.of(*kind)?);
        Some(format!("their {} is {own}, and the store declares {}", kind.name(), hex::encode(value)))
    }

    /// Whether one of these digests is declared, and none otherwise.
    fn are_proved_by(&self, declared: &Digests) -> bool {
        let is_comparable = declared.0.iter().any(|(kind, _)| self.of(*kind).is_some());
        is_comparable && self.difference(declared).is_none()
    }

    /// What is declared shows of having these digests.
    pub(super) fn compare(&self, declared: &Digests) -> Content {
        if self.difference(declared).is_some() {
            Content::Other
        } else if self.are_proved_by(declared) {
            Content::Proven
        } else {
            Content::Incomparable
        }
    }

    fn of(&self, kind: DigestAlgorithm) -> Option<&Vec<u8>> {
        self.0.iter().find(|(own, _)| *own == kind).map(|(_, value)| value)
    }
}

/// Digests of bytes that are still passing.
#[derive(Clone)]
pub(super) struct Hashing(Vec<(DigestAlgorithm, Hash)>);

/// A digest of bytes that are still passing.
#[derive(Clone)]
pub(super) enum Hash {
    Md5(Md5),
    Sha(digest::Context),
    Crc(Box<crc_fast::Digest>),
    XxHash64(Box<XxHash64>),
    XxHash3(Box<XxHash3_64>),
    XxHash128(Box<XxHash3_128>),
}

impl Hashing {
    /// Of all bytes of an object: what is declared of them, and the CRC-64 that S3 gives by
    /// itself to an object that was put without a checksum.
    pub(super) fn to_compare_with(declared: &Digests) -> Self {
        let crc = DigestAlgorithm::Crc64Nvme;
        let others = declared.0.iter().map(|(kind, _)| *kind).filter(|kind| *kind != crc);
        Self(std::iter::once(crc).chain(others).map(|kind| (kind, Hash::new(kind))).collect())
    }

    /// The same with the MD5, for bytes that are written in one piece.
    pub(super) fn and_md5(mut self) -> Self {
        if !self.0.iter().any(|(kind, _)| *kind == DigestAlgorithm::Md5) {
            self.0.extend(Self::md5().0);
        }
        self
    }

    /// The MD5 alone, for a part.
    pub(super) fn md5() -> Self {
        Self(vec![(DigestAlgorithm::Md5, Hash::new(DigestAlgorithm::Md5))])
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|(_, hash)| hash.update(bytes));
    }

    pub(super) fn finish(self) -> Digests {
        Digests(self.0.into_iter().map(|(kind, hash)| (kind, hash.finish(kind.bytes()))).collect())
    }
}

impl Hash {
    /// Of no bytes yet.
    pub(super) fn new(algorithm: DigestAlgorithm) -> Self {
        let crc = |algorithm| Hash::Crc(Box::new(crc_fast::Digest::new(algorithm)));
        let sha = |algorithm| Hash::Sha(digest::Context::new(algorithm));
        match algorithm {
            DigestAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            DigestAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            DigestAlgorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            DigestAlgorithm::Md5 => Hash::Md5(Md5::new()),
            DigestAlgorithm::Sha1 => sha(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            DigestAlgorithm::Sha256 => sha(&digest::SHA256),
            DigestAlgorithm::Sha512 => sha(&digest::SHA512),
            DigestAlgorithm::XxHash64 => Hash::XxHash64(Box::new(XxHash64::with_seed(0))),
            DigestAlgorithm::XxHash3 => Hash::XxHash3(Box::new(XxHash3_64::new())),
            DigestAlgorithm::XxHash128 => Hash::XxHash128(Box::new(XxHash3_128::new())),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Md5(md5) => md5.update(bytes),
            Hash::Sha(sha) => sha.update(bytes),
            Hash::Crc(crc) => crc.update(bytes),
            Hash::XxHash64(hash) => hash.write(bytes),
            Hash::XxHash3(hash) => hash.write(bytes),
            Hash::XxHash128(hash) => hash.write(bytes),
        }
    }

    /// The digest, of so many bytes: a CRC has its own at the end of a number of 64 bits.
    pub(super) fn finish(self, bytes: usize) -> Vec<u8> {
        match self {
            Hash::Md5(md5) => md5.finalize().to_vec(),
            Hash::Sha(sha) => sha.finish().as_ref().to_vec(),
            Hash::Crc(crc) => {
                let number = crc.finalize().to_be_bytes();
                number[number.len() - bytes..].to_vec()
            }
            Hash::XxHash64(hash) => hash.finish().to_be_bytes().to_vec(),
            Hash::XxHash3(hash) => hash.finish().to_be_bytes().to_vec(),
            Hash::XxHash128(hash) => hash.finish_128().to_be_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::object_store::{Checksum, ChecksumAlgorithm};

    use super::*;

    const MD5: &str = "25f9e794323b453885f5181f1b624d0b";

    fn head(etag: &str, checksums: &[(ChecksumAlgorithm, &str)]) -> ObjectHead {
        let checksum = |(algorithm, value): &(_, &str)| Checksum {
            algorithm: *algorithm,
            value: (*value).to_owned(),
            is_of_whole: true,
        };
        let checksums = checksums.iter().map(checksum).collect();
        ObjectHead { etag: ETag::new(etag).ok(), checksums, ..ObjectHead::default() }
    }

    fn digests_of(pieces: &[&str], declared: &Digests) -> Digests {
        let mut hashing = Hashing::to_compare_with(declared).and_md5();
        pieces.iter().for_each(|piece| hashing.update(piece.as_bytes()));
        hashing.finish()
    }

    /// The check values of the catalogue of CRCs and of the SHA standards, for `123456789`.
    #[test]
    fn each_kind_of_digest_is_computed_as_stores_do_whatever_the_pieces() {
        let sums = [
            (ChecksumAlgorithm::Crc32, "cbf43926"),
            (ChecksumAlgorithm::Crc32c, "e3069283"),
            (ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888"),
            (ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ];
        assert_eq!(sums.map(|(algorithm, _)| algorithm), ChecksumAlgorithm::ALL);
        let sums = sums.map(|(algorithm, sum)| (algorithm, BASE64_STANDARD.encode(hex::decode(sum).unwrap())));
        let declared =
            Digests::declared(&head(MD5, &sums.each_ref().map(|(algorithm, sum)| (*algorithm, sum.as_str()))));
        assert_eq!(declared.0.len(), 6);
        for pieces in [&["123456789"][..], &["1", "2345", "", "6789"]] {
            let digests = digests_of(pieces, &declared);
            assert_eq!(digests.difference(&declared), None);
            assert!(digests.are_proved_by(&declared));
        }
        let others = digests_of(&["12345678", "0"], &declared);
        for one in &declared.0 {
            let declared = Digests(vec![one.clone()]);
            assert!(others.difference(&declared).unwrap().contains(one.0.name()), "{one:?}");
            assert!(!others.are_proved_by(&declared));
        }
    }

    /// Of `123456789`, by the catalogue of CRCs and the standards; and of 100,000 bytes, by the reference
    /// implementations.
    #[test]
    fn each_algorithm_gives_its_published_value_whatever_the_pieces() {
        let long: Vec<u8> = (0..100_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let sha512 = "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a\
                      d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85";
        let expected = [
            ("cbf43926", "b353b8fa"),
            ("e3069283", ""),
            ("ae8b14860a799888", ""),
            (MD5, "28cb595c158e9b74e34ae9e8da710fff"),
            ("f7c3bc1d808e04732adf679965ccc34ca7ae3441", "23a1065a0f6a485119049bf2799179dd0154efbb"),
            (
                "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
                "cd2df694e424bc7968cc37f47751019e5ca0cd1bdf2e479ea537c3a1c32ee1aa",
            ),
            (sha512, ""),
            ("8cb841db40e6ae83", "4cf75ee72cd8f4cc"),
            ("72dcb18b67a17dff", "42c23aeead96750d"),
            ("33119477ede5dcd5e9716427681d5860", "54182c58bbb1337c42c23aeead96750d"),
        ];
        for (algorithm, (short, of_long)) in DigestAlgorithm::ALL.into_iter().zip(expected) {
            let digest = |bytes: &[u8], pieces: usize| {
                let mut hash = Hash::new(algorithm);
                bytes.chunks(pieces).for_each(|piece| hash.update(piece));
                hash.finish(algorithm.bytes())
            };
            for pieces in [1, 4, 9] {
                assert_eq!(hex::encode(digest(b"123456789", pieces)), short, "{algorithm:?}");
            }
            assert_eq!(digest(b"", 1).len(), algorithm.bytes(), "{algorithm:?}");
            if !of_long.is_empty() {
                assert_eq!(hex::encode(digest(&long, 777)), of_long, "{algorithm:?}");
            }
        }
    }

    #[test]
    fn only_what_is_of_all_bytes_is_declared() {
        let none = Digests::default();
        let of_parts = Checksum { algorithm: ChecksumAlgorithm::Crc32, value: "y/Q5Jg==-2".into(), is_of_whole: false };
        let in_parts = ObjectHead { checksums: vec![of_parts], ..head(&format!("{MD5}-2"), &[]) };
        assert_eq!(Digests::declared(&in_parts), none);
        let under_a_key = |sse: &str| Digests::declared(&ObjectHead { sse: Some(sse.into()), ..head(MD5, &[]) });
        assert_eq!(under_a_key("aws:kms"), none);
        assert_eq!(under_a_key("AES256").0.len(), 1);
        let odd = [(ChecksumAlgorithm::Crc32, "no base64"), (ChecksumAlgorithm::Sha256, "AAAA")];
        assert_eq!(Digests::declared(&head("\"an etag\"", &odd)), none);
        // What is not declared is no proof, and no difference either.
        let digests = digests_of(&["123456789"], &none);
        assert!(!digests.are_proved_by(&none) && digests.difference(&none).is_none());
    }
}
