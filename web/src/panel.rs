//! The panel's files, embedded in the program.
//!
//! Owns which file a path means and how a browser may keep it: it asks each time and gets 304 while nothing has changed,
//! so that an update of the program is an update of the panel.

use rust_embed::{EmbeddedFile, RustEmbed};
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::Response;

#[derive(RustEmbed)]
#[folder = "panel/"]
struct Files;

/// A file of the panel.
pub(crate) struct Asset {
    file: EmbeddedFile,
    kind: &'static str,
}

/// The file that `path` means.
pub(crate) fn asset(path: &str) -> Option<Asset> {
    let name = match path {
        "/" => "index.html",
        path => path.strip_prefix('/')?,
    };
    let kind = match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    Files::get(name).map(|file| Asset { file, kind })
}

impl Asset {
    /// The file, or that it has not changed since the browser got it.
    pub(crate) fn answer(self, headers: &HeaderMap) -> Response {
        let hash = self.file.metadata.sha256_hash();
        let tag: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let tag = format!("\"{tag}\"");
        let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let mut response = Response::new(if known { "".into() } else { self.file.data.into_owned().into() });
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}
