//! The build script: puts what `/docs` and `/redoc` consist of into `OUT_DIR`, each file as it is, compressed, and with
//! its entity tag, so that serving them costs no more than any other bytes.
//!
//! Swagger UI comes out of the crate that carries it, Redoc from `third_party/`, the rest was written here. Nothing is
//! fetched.

use std::error::Error;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

/// Where this script and the files beside it lie.
const ASSETS: &str = "src/wire/api/assets";

/// What was written here.
const OWN: [&str; 5] = ["docs.html", "docs.js", "redoc.html", "redoc.js", "icon.svg"];

/// What Swagger UI consists of, within its archive.
const SWAGGER_UI: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

const REDOC: &str = "redoc.standalone.js";
const REDOC_SHA256: [u8; 32] = [
    0xdc, 0xaf, 0x76, 0x61, 0x2b, 0xc4, 0xa3, 0xfb, 0xcc, 0x92, 0x3a, 0x89, 0x66, 0xde, 0xe2, 0xf6, 0x14,
    0x6a, 0x5f, 0x32, 0xe5, 0xce, 0x1b, 0x6f, 0x02, 0xdd, 0x60, 0xcb, 0xbf, 0x89, 0x50, 0x0b,
];

/// A picture that Redoc's bundle would load from a server elsewhere. It leaves the picture out where that fails, and an
/// address without a picture behind it fails without asking anybody.
const REDOC_LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NO_PICTURE: &str = "data:,";

fn main() -> Result<(), Box<dyn Error>> {
    writeln!(std::io::stdout(), "cargo::rerun-if-changed={ASSETS}")?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for name in OWN {
        pack(&out, name, &fs::read(Path::new(ASSETS).join(name))?)?;
    }
    for name in SWAGGER_UI {
        pack(&out, name, &unzip(name)?)?;
    }
    pack(&out, REDOC, redoc()?.as_bytes())
}

/// The file of this name in the folder `dist` of Swagger UI's archive: its place stands in the directory at the end of
/// the archive, and what lies there is a raw deflate stream (APPNOTE.TXT 4.3 is the format).
fn unzip(name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    const ENTRY_BYTES: usize = 46;
    const LOCAL_HEADER_BYTES: usize = 30;
    const DEFLATED: usize = 8;
    let archive = SWAGGER_UI_VENDORED;
    let wanted = format!("/dist/{name}");
    let end = archive.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").ok_or("no archive")?;
    let mut entry = number(archive, end + 16, 4)?;
    loop {
        if archive.get(entry..entry + 4) != Some(b"PK\x01\x02".as_slice()) {
            return Err(format!("no {wanted} in Swagger UI's archive").into());
        }
        let name_bytes = number(archive, entry + 28, 2)?;
        let path = archive.get(entry + ENTRY_BYTES..entry + ENTRY_BYTES + name_bytes).unwrap_or_default();
        if path.ends_with(wanted.as_bytes()) {
            break;
        }
        entry += ENTRY_BYTES + name_bytes + number(archive, entry + 30, 2)? + number(archive, entry + 32, 2)?;
    }
    let local = number(archive, entry + 42, 4)?;
    let start =
        local + LOCAL_HEADER_BYTES + number(archive, local + 26, 2)? + number(archive, local + 28, 2)?;
    let packed =
        archive.get(start..start + number(archive, entry + 20, 4)?).ok_or("the archive is cut off")?;
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut bytes)?;
    let mut checksum = Crc::new();
    checksum.update(&bytes);
    let is_whole = checksum.sum() as usize == number(archive, entry + 16, 4)?;
    if number(archive, entry + 10, 2)? != DEFLATED || !is_whole {
        return Err(format!("{wanted} in Swagger UI's archive is not what its directory says").into());
    }
    Ok(bytes)
}

/// The little-endian number of so many bytes at `at`.
fn number(archive: &[u8], at: usize, bytes: usize) -> Result<usize, Box<dyn Error>> {
    let digits = archive.get(at..at + bytes).ok_or("Swagger UI's archive is cut off")?;
    Ok(digits.iter().rev().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
}

/// Redoc's bundle, which must be the one that its folder tells of, without what it would load from elsewhere.
fn redoc() -> Result<String, Box<dyn Error>> {
    let bundle = fs::read_to_string(Path::new(ASSETS).join("third_party/redoc").join(REDOC))?;
    if Sha256::digest(&bundle)[..] != REDOC_SHA256 {
        return Err("third_party/redoc/redoc.standalone.js is not the bundle that its README names".into());
    }
    if bundle.matches(REDOC_LOGO).count() != 1 {
        return Err("Redoc's bundle no longer loads its logo where it did".into());
    }
    Ok(bundle.replace(REDOC_LOGO, NO_PICTURE))
}

/// Writes `NAME`, `NAME.gz` and `NAME.etag`.
fn pack(out: &Path, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    // `GzEncoder` writes no time of its own, so that the same sources make the same binary.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    fs::write(out.join(format!("{name}.gz")), encoder.finish()?)?;
    let tag = u128::from_be_bytes(Sha256::digest(bytes)[..16].try_into()?);
    fs::write(out.join(format!("{name}.etag")), format!("{tag:032x}"))?;
    fs::write(out.join(name), bytes)?;
    Ok(())
}
